// SPDX-License-Identifier: Apache-2.0
#include "cli/decoder.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace lk::cli {
namespace {

using State = Decoder::State;
using Step = Decoder::Step;

// A log could otherwise ask for all of the memory.
constexpr int kMaxMemoryLog = 30;
constexpr uint64_t kMaxMemory = uint64_t{1} << kMaxMemoryLog;

// zlib, bzip2 and liblzma have the same interface. The first two count in 32 bits.
template <typename Stream, typename Byte>
class StreamDecoder : public Decoder {
 public:
  StreamDecoder() = default;
  StreamDecoder(const StreamDecoder&) = delete;
  StreamDecoder& operator=(const StreamDecoder&) = delete;

  Step Decode(std::string_view in, std::span<char> out) final {
    using Size = decltype(stream_.avail_out);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): bzip2 does not write to it
    stream_.next_in = reinterpret_cast<Byte*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<Size>(in.size());
    stream_.next_out = reinterpret_cast<Byte*>(out.data());
    stream_.avail_out = static_cast<Size>(out.size());
    const State state = Run();
    return {state, in.size() - stream_.avail_in, out.size() - stream_.avail_out};
  }

 protected:
  virtual State Run() = 0;

  Stream stream_{};
};

class GzipDecoder final : public StreamDecoder<z_stream, Bytef> {
 public:
  GzipDecoder() { inflateInit2(&stream_, kGzip + MAX_WBITS); }
  ~GzipDecoder() override { inflateEnd(&stream_); }

 private:
  static constexpr int kGzip = 16;

  State Run() override {
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) return State::kEnd;
    return result == Z_OK || result == Z_BUF_ERROR ? State::kMore : State::kDamaged;
  }
};

class Bzip2Decoder final : public StreamDecoder<bz_stream, char> {
 public:
  Bzip2Decoder() { BZ2_bzDecompressInit(&stream_, 0, 0); }
  ~Bzip2Decoder() override { BZ2_bzDecompressEnd(&stream_); }

 private:
  State Run() override {
    const int result = BZ2_bzDecompress(&stream_);
    if (result == BZ_STREAM_END) return State::kEnd;
    return result == BZ_OK ? State::kMore : State::kDamaged;
  }
};

class XzDecoder final : public StreamDecoder<lzma_stream, uint8_t> {
 public:
  XzDecoder() {
    // Without a stream, Run fails.
    if (lzma_stream_decoder(&stream_, kMaxMemory, 0) != LZMA_OK) lzma_end(&stream_);
  }
  ~XzDecoder() override { lzma_end(&stream_); }

 private:
  State Run() override {
    const lzma_ret result = lzma_code(&stream_, LZMA_RUN);
    if (result == LZMA_STREAM_END) return State::kEnd;
    return result == LZMA_OK || result == LZMA_BUF_ERROR ? State::kMore : State::kDamaged;
  }
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() { ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxMemoryLog); }

  Step Decode(std::string_view in, std::span<char> out) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const size_t result = ZSTD_decompressStream(context_.get(), &to, &from);
    const State state = ZSTD_isError(result) != 0 ? State::kDamaged : result == 0 ? State::kEnd : State::kMore;
    return {state, from.pos, to.pos};
  }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_{ZSTD_createDCtx(), ZSTD_freeDCtx};
};

class Lz4Decoder final : public Decoder {
 public:
  Lz4Decoder() {
    LZ4F_dctx* context = nullptr;
    LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    context_.reset(context);
  }

  Step Decode(std::string_view in, std::span<char> out) override {
    size_t read = in.size();
    size_t written = out.size();
    const size_t result = LZ4F_decompress(context_.get(), out.data(), &written, in.data(), &read, nullptr);
    const State state = LZ4F_isError(result) != 0 ? State::kDamaged : result == 0 ? State::kEnd : State::kMore;
    return {state, read, written};
  }

 private:
  std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> context_{nullptr, LZ4F_freeDecompressionContext};
};

template <typename T>
std::unique_ptr<Decoder> Make() {
  return std::make_unique<T>();
}

constexpr Compression kCompressions[] = {
    {"gzip", "\x1f\x8b\x08", Make<GzipDecoder>},
    {"bzip2", "BZh", Make<Bzip2Decoder>},
    {"xz",
     {"\xfd"
      "7zXZ\0",
      6},
     Make<XzDecoder>},
    {"zstd", "\x28\xb5\x2f\xfd", Make<ZstdDecoder>},
    {"zstd", "\x50\x2a\x4d\x18", Make<ZstdDecoder>},  // pzstd's sizes, in a frame that is skipped
    {"lz4", "\x04\x22\x4d\x18", Make<Lz4Decoder>},
};

}  // namespace

const Compression* CompressionOf(std::string_view bytes) {
  const auto* const found =
      std::ranges::find_if(kCompressions, [&](const Compression& row) { return bytes.starts_with(row.magic); });
  return found == std::end(kCompressions) ? nullptr : found;
}

bool MayBeCompressed(std::string_view bytes) {
  return std::ranges::any_of(kCompressions, [&](const Compression& row) { return row.magic.starts_with(bytes); });
}

}  // namespace lk::cli
