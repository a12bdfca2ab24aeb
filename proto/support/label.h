// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

namespace lk {

// Makes a string from a guest safe to use in metric labels and any database: truncates it to 128 bytes and replaces
// everything except printable ASCII with "_".
inline std::string LabelValue(std::string text) {
  constexpr size_t kMaxBytes = 128;
  if (text.size() > kMaxBytes) text.resize(kMaxBytes);
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '_');
  return text;
}

}  // namespace lk
