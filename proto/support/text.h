// SPDX-License-Identifier: Apache-2.0
// Handling of untrusted text from guests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lk {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0 if not valid UTF-8
};

// Decodes the first code point of a non-empty text according to RFC 3629: shortest form, no surrogates, at most
// U+10FFFF.
CodePoint DecodeUtf8(std::string_view text);

// Escapes control bytes (C0, C1, DEL), invalid UTF-8, direction marks and noncharacters as \xNN, except bytes in
// `keep`. The result cannot control a terminal or hide text, and is valid in XML.
std::string Escape(std::string_view text, std::string_view keep = "");

}  // namespace lk
