// SPDX-License-Identifier: Apache-2.0
#include "server/detect/names.h"

#include <algorithm>

namespace lk::detect {

void Names::Split(std::string_view list, char separator, uint16_t value, std::vector<Pattern>& patterns) {
  while (!list.empty()) {
    const std::string_view pattern = list.substr(0, list.find(separator));
    if (!pattern.empty()) patterns.emplace_back(pattern, value);
    list.remove_prefix(std::min(list.size(), pattern.size() + 1));
  }
}

Names::Names(std::initializer_list<std::string_view> list) {
  for (const std::string_view name : list) Add(name, 1);
  short_.Sort();
  long_.Sort();
}

Names::Names(const std::vector<Pattern>& patterns) {
  for (const auto& [pattern, value] : patterns) Add(pattern, value);
  short_.Sort();
  long_.Sort();
}

void Names::Add(std::string_view pattern, uint16_t value) {
  if (pattern.starts_with('*')) {
    suffixes_.emplace_back(pattern.substr(1), value);
    return;
  }
  const bool whole = !pattern.ends_with('*');
  const std::string_view text = whole ? pattern : pattern.substr(0, pattern.size() - 1);
  Index& index = text.size() < kLong ? short_ : long_;
  index.entries.push_back({.text = text, .whole = whole, .last = text.back(), .value = value});
}

uint16_t Names::Find(std::string_view name) const {
  if (name.size() < kShort) return 0;
  uint16_t found = short_.Find(name);
  if (name.size() >= kLong) found |= long_.Find(name);
  for (const auto& [suffix, value] : suffixes_) {
    if (name.back() == suffix.back() && name.ends_with(suffix)) found |= value;
  }
  return found;
}

size_t Names::Index::Key(std::string_view text) const {
  uint32_t key = 0;
  for (size_t i = 0; i < letters; ++i) key = key * 61 + static_cast<uint8_t>(text[i]);
  return key % kKeys;
}

void Names::Index::Sort() {
  const auto key_of = [this](const Entry& entry) { return Key(entry.text); };
  std::ranges::stable_sort(entries, {}, key_of);
  for (size_t key = 0; key < first.size(); ++key) {
    first[key] = static_cast<uint16_t>(std::ranges::lower_bound(entries, key, {}, key_of) - entries.begin());
  }
}

uint16_t Names::Index::Find(std::string_view name) const {
  uint16_t found = 0;
  const size_t key = Key(name);
  for (size_t i = first[key]; i < first[key + 1]; ++i) {
    const Entry& entry = entries[i];
    const size_t size = entry.text.size();
    if (entry.whole ? name.size() != size : name.size() < size) continue;
    if (name[size - 1] == entry.last && name.starts_with(entry.text)) found |= entry.value;
  }
  return found;
}

}  // namespace lk::detect
