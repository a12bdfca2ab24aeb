// SPDX-License-Identifier: Apache-2.0
#include "support/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace lk {
namespace {

bool IsHarmful(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0)  // C0, DEL, C1
         || c == 0x200e || c == 0x200f        // direction marks
         || (c >= 0x2028 && c <= 0x202e)      // separators, embeddings, overrides
         || (c >= 0x2066 && c <= 0x2069)      // isolates
         || (c & 0xfffe) == 0xfffe;           // noncharacters; XML forbids two of them
}

}  // namespace

CodePoint DecodeUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  uint32_t value = first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

std::string Escape(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = DecodeUtf8(text);
    const size_t bytes = std::max<size_t>(c.bytes, 1);
    if (keep.find(text.front()) != std::string_view::npos || (c.bytes > 0 && !IsHarmful(c.value))) {
      out.append(text.substr(0, bytes));
    } else {
      for (const char b : text.substr(0, bytes)) out += fmt::format("\\x{:02x}", static_cast<uint8_t>(b));
    }
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace lk
