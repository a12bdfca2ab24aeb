// SPDX-License-Identifier: Apache-2.0
#include "server/detect/names.h"

#include <algorithm>
#include <cstring>

namespace lk::detect {
namespace {

// 2^32 divided by the golden ratio, which spreads keys that differ little (Knuth, The Art of Computer
// Programming, 6.4).
constexpr uint32_t kOddMultiplier = 0x9e3779b9;

}  // namespace

void Names::Split(std::string_view list, char separator, uint32_t value, std::vector<Pattern>& patterns) {
  while (!list.empty()) {
    const std::string_view pattern = list.substr(0, list.find(separator));
    if (!pattern.empty()) patterns.emplace_back(pattern, value);
    list.remove_prefix(std::min(list.size(), pattern.size() + 1));
  }
}

Names::Names(std::initializer_list<std::string_view> list) {
  for (const std::string_view name : list) Add(name, 1);
  Sort();
}

Names::Names(const std::vector<Pattern>& patterns) {
  for (const auto& [pattern, value] : patterns) Add(pattern, value);
  Sort();
}

void Names::Sort() {
  short_.Sort();
  long_.Sort();
  suffixes_.Sort();
}

void Names::Add(std::string_view pattern, uint32_t value) {
  if (pattern.starts_with('*')) {
    suffixes_.entries.push_back({.text = pattern.substr(1), .whole = false, .value = value});
    return;
  }
  const bool whole = !pattern.ends_with('*');
  const std::string_view text = whole ? pattern : pattern.substr(0, pattern.size() - 1);
  Index& index = text.size() < kLong ? short_ : long_;
  index.entries.push_back({.text = text, .whole = whole, .value = value});
}

uint32_t Names::Find(std::string_view name) const {
  if (name.size() < kShort) return 0;
  return short_.Find(name) | (name.size() >= kLong ? long_.Find(name) : 0) | suffixes_.Find(name);
}

uint32_t Names::Index::Key(std::string_view text) const {
  const char* const from = last ? text.data() + text.size() - letters : text.data();
  const auto load = [from](auto key) {
    std::memcpy(&key, from, sizeof key);
    return key;
  };
  const uint32_t key = letters == kLong ? load(uint32_t{}) : load(uint16_t{});
  return key * kOddMultiplier >> (32 - kKeyBits);
}

void Names::Index::Sort() {
  const auto key_of = [this](const Entry& entry) { return Key(entry.text); };
  std::ranges::stable_sort(entries, {}, key_of);
  for (size_t key = 0; key < first.size(); ++key) {
    first[key] = static_cast<uint16_t>(std::ranges::lower_bound(entries, key, {}, key_of) - entries.begin());
  }
}

uint32_t Names::Index::Find(std::string_view name) const {
  if (entries.empty()) return 0;
  uint32_t found = 0;
  const size_t key = Key(name);
  const size_t end = first[key + 1];
  for (size_t i = first[key]; i < end; ++i) {
    const Entry& entry = entries[i];
    const size_t size = entry.text.size();
    if (entry.whole ? name.size() != size : name.size() < size) continue;
    const char* const from = last ? name.data() + name.size() - size : name.data();
    // The last letter tells most of them apart.
    if (from[size - 1] == entry.text.back() && std::memcmp(from, entry.text.data(), size) == 0) found |= entry.value;
  }
  return found;
}

}  // namespace lk::detect
