// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace lk {

// A word that came from a guest, fit for a label of a metric and for any database: at most 128 bytes, what is not
// printable ASCII replaced by "_".
inline std::string LabelValue(std::string_view text) {
  constexpr size_t kMaxBytes = 128;
  std::string value(text.substr(0, kMaxBytes));
  std::ranges::replace_if(
      value, [](char c) { return c < ' ' || c > '~'; }, '_');
  return value;
}

}  // namespace lk
