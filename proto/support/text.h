// SPDX-License-Identifier: Apache-2.0
// Text from guests, which is bytes until it has been looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lk {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: not UTF-8
};

// The first of a text that is not empty. RFC 3629: shortest form, no surrogates, at most U+10FFFF.
CodePoint DecodeUtf8(std::string_view text);

// Control bytes (C0, C1, DEL), bytes that are no UTF-8, marks that turn the writing direction and noncharacters become
// \xNN: what is left drives no terminal, hides nothing, and may stand in XML. Bytes of `keep` stay as they are.
std::string Escape(std::string_view text, std::string_view keep = "");

}  // namespace lk
