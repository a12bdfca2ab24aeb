// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/decoder.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::cli {

// Reads a log in pieces, because logs from soak tests grow to gigabytes. Decompresses gzip, bzip2, xz, zstd and lz4. A
// piece is what one read(2) returned, unless the log is compressed. What follows a compressed part may be another one,
// or plain text.
class LogReader {
 public:
  // Called before each read; may wait until there is something to read. If it returns false, the log ends there.
  using BeforeRead = std::function<bool(int fd)>;

  // Opens a file, or takes an open descriptor, which remains the caller's. Waits for a writer if the file is a FIFO.
  // Error: NOT_FOUND if the log cannot be read, whatever the reason.
  static StatusOr<std::unique_ptr<LogReader>> Open(const std::string& path);
  static StatusOr<std::unique_ptr<LogReader>> Open(int fd);
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // Pipes, terminals, sockets and devices deliver their contents over time.
  bool regular() const { return regular_; }
  // To be called before the first piece is read.
  void set_before_read(BeforeRead before_read) { before_read_ = std::move(before_read); }

  // The next piece, valid until the next call; empty at the end. A file can be truncated or damaged: what could be
  // decompressed precedes the error. Error: NOT_FOUND.
  StatusOr<std::string_view> Next();
  // Bytes of the file read so far, before decompression.
  uint64_t position() const { return position_; }

 private:
  // As many bytes as the beginning of any compressed data has.
  static constexpr size_t kMagic = 8;

  explicit LogReader(int fd);
  StatusOr<std::string_view> Decompress();
  Status Begin();
  Status Read();
  Status Failed(std::string_view how) const;

  UniqueFd own_;
  int fd_;
  bool regular_ = false;
  BeforeRead before_read_ = [](int) { return true; };
  uint64_t position_ = 0;
  std::vector<char> buffer_ = std::vector<char>(size_t{256} << 10);
  std::string_view input_;  // the part of buffer_ that has not been used
  bool ended_ = false;
  bool stopped_ = false;  // by before_read_

  bool plain_ = false;  // the rest is not compressed
  const Compression* compression_ = nullptr;
  std::unique_ptr<Decoder> decoder_;  // null between the parts
  std::vector<char> decoded_;
  uint64_t decoded_bytes_ = 0;
  bool damaged_ = false;
};

}  // namespace lk::cli
