// SPDX-License-Identifier: Apache-2.0
// Decompresses logs piece by piece. Unlike libarchive, gives what has been decompressed of a file that is cut off.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace lk::cli {

class Decoder {
 public:
  enum class State { kMore, kEnd, kDamaged };
  struct Step {
    State state;
    size_t read;
    size_t written;
  };

  virtual ~Decoder() = default;
  // Decompresses as much of `in` as `out` has room for. kEnd means that what was compressed is complete; other data may
  // follow.
  virtual Step Decode(std::string_view in, std::span<char> out) = 0;
};

struct Compression {
  std::string_view name;
  std::string_view magic;  // the first bytes
  std::unique_ptr<Decoder> (*decoder)();
};

// What `bytes` begin with; null if they are not compressed.
const Compression* CompressionOf(std::string_view bytes);
// Whether more bytes are needed to tell.
bool MayBeCompressed(std::string_view bytes);

}  // namespace lk::cli
