// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace lk::detect {

// A set of names and prefixes; "schedule*" matches every name that begins with "schedule". The strings must outlive the
// set, and must have at least two bytes, not counting the asterisk.
class Names {
 public:
  Names(std::initializer_list<std::string_view> list);

  bool Has(std::string_view name) const;

 private:
  struct Entry {
    std::string_view text;
    bool whole;  // otherwise a prefix
  };
  std::vector<Entry> entries_;  // sorted by a key, a hash of the first two bytes
  // Index of the first entry with each key, which is also the end of the entries with the previous key.
  std::array<uint16_t, 257> first_{};
};

}  // namespace lk::detect
