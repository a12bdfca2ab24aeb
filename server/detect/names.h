// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace lk::detect {

// A set of patterns: names, prefixes ("schedule*") and suffixes ("*_compat_ioctl"), each with a value. The strings must
// outlive the set, and must have at least two bytes, not counting the asterisk.
class Names {
 public:
  using Pattern = std::pair<std::string_view, uint32_t>;
  // Appends the patterns of a list, each with the value.
  static void Split(std::string_view list, char separator, uint32_t value, std::vector<Pattern>& patterns);

  Names(std::initializer_list<std::string_view> list);  // each with the value 1
  explicit Names(const std::vector<Pattern>& patterns);

  bool Has(std::string_view name) const { return Find(name) != 0; }
  // The values of all patterns that match, combined with "or"; 0 if there are none.
  uint32_t Find(std::string_view name) const;

 private:
  struct Entry {
    std::string_view text;
    bool whole;  // otherwise a prefix, or a suffix
    uint32_t value;
  };
  // Entries by a hash of their first letters, or of their last ones.
  struct Index {
    static constexpr int kKeyBits = 10;
    static constexpr size_t kKeys = 1 << kKeyBits;

    uint32_t Key(std::string_view text) const;
    void Sort();
    uint32_t Find(std::string_view name) const;

    uint8_t letters;
    bool last = false;
    std::vector<Entry> entries{};  // sorted by key
    // Index of the first entry with each key, which is also the end of the entries with the previous key.
    std::array<uint16_t, kKeys + 1> first{};
  };
  void Add(std::string_view pattern, uint32_t value);
  void Sort();

  static constexpr size_t kShort = 2;
  static constexpr size_t kLong = 4;
  Index short_{.letters = kShort};
  Index long_{.letters = kLong};
  Index suffixes_{.letters = kShort, .last = true};
};

}  // namespace lk::detect
