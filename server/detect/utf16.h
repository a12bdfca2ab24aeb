// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lk::detect {

// Converts a stream to UTF-8 if it begins with the byte order mark of UTF-16, as files from Windows do.
class Utf16Decoder {
 public:
  // The result is valid until the next call, and as long as `bytes` are.
  std::string_view Decode(std::string_view bytes);

 private:
  void Append(uint16_t unit);

  enum class Format { kUnknown, kBytes, kLittleEndian, kBigEndian } format_ = Format::kUnknown;
  std::string pending_;     // bytes of an incomplete unit
  uint16_t surrogate_ = 0;  // the first of a pair
  std::string out_;
};

}  // namespace lk::detect
