// SPDX-License-Identifier: Apache-2.0
#include "server/detect/utf16.h"

#include <utility>

namespace lk::detect {

std::string_view Utf16Decoder::Decode(std::string_view bytes) {
  if (format_ == Format::kBytes) return bytes;
  out_ = std::exchange(pending_, {});
  out_ += bytes;
  bytes = out_;
  if (format_ == Format::kUnknown) {
    const bool may_be = bytes.starts_with('\xff') || bytes.starts_with('\xfe');
    if (bytes.size() < 2 && (bytes.empty() || may_be)) {
      pending_ = std::move(out_);
      return {};
    }
    format_ = bytes.starts_with("\xff\xfe")   ? Format::kLittleEndian
              : bytes.starts_with("\xfe\xff") ? Format::kBigEndian
                                              : Format::kBytes;
    if (format_ == Format::kBytes) return bytes;
    bytes.remove_prefix(2);
  }
  const std::string units(bytes);
  out_.clear();
  const size_t high = format_ == Format::kBigEndian ? 0 : 1;
  size_t at = 0;
  for (; at + 1 < units.size(); at += 2) {
    Append(static_cast<uint16_t>(static_cast<uint8_t>(units[at + high]) << 8 |
                                 static_cast<uint8_t>(units[at + 1 - high])));
  }
  pending_ = units.substr(at);
  return out_;
}

void Utf16Decoder::Append(uint16_t unit) {
  uint32_t code = unit;
  const uint16_t first = std::exchange(surrogate_, 0);
  if (unit >= 0xd800 && unit < 0xdc00) {
    surrogate_ = unit;
    return;
  }
  if (unit >= 0xdc00 && unit < 0xe000) {
    if (first == 0) return;
    code = 0x10000 + ((first - 0xd800U) << 10) + (unit - 0xdc00U);
  }
  const auto tail = [&](int shift) { out_ += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out_ += static_cast<char>(code);
  } else if (code < 0x800) {
    out_ += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out_ += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out_ += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace lk::detect
