// SPDX-License-Identifier: Apache-2.0
#include "server/detect/names.h"

#include <algorithm>

namespace lk::detect {
namespace {

uint8_t Key(std::string_view text) {
  return static_cast<uint8_t>(text[0] + 31 * text[1]);
}

}  // namespace

Names::Names(std::initializer_list<std::string_view> list) {
  for (const std::string_view name : list) {
    const bool whole = !name.ends_with('*');
    entries_.push_back({.text = whole ? name : name.substr(0, name.size() - 1), .whole = whole});
  }
  const auto key_of = [](const Entry& entry) { return size_t{Key(entry.text)}; };
  std::ranges::stable_sort(entries_, {}, key_of);
  for (size_t key = 0; key < first_.size(); ++key) {
    first_[key] = static_cast<uint16_t>(std::ranges::lower_bound(entries_, key, {}, key_of) - entries_.begin());
  }
}

bool Names::Has(std::string_view name) const {
  if (name.size() < 2) return false;
  const size_t key = Key(name);
  return std::any_of(entries_.begin() + first_[key], entries_.begin() + first_[key + 1], [&](const Entry& entry) {
    return entry.whole ? name == entry.text : name.starts_with(entry.text);
  });
}

}  // namespace lk::detect
