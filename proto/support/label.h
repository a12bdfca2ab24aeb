// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

namespace lk {

// A word that came from a guest, fit for a label of a metric and for any database: at most 128 bytes, what is not
// printable ASCII replaced by "_".
inline std::string LabelValue(std::string text) {
  constexpr size_t kMaxBytes = 128;
  if (text.size() > kMaxBytes) text.resize(kMaxBytes);
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '_');
  return text;
}

}  // namespace lk
