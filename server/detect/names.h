// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace lk::detect {

// A set of names, written as a list; "schedule*" stands for every name that begins with "schedule". The texts must
// outlive it, and have two bytes at least.
class Names {
 public:
  Names(std::initializer_list<std::string_view> list);

  bool Has(std::string_view name) const;

 private:
  struct Entry {
    std::string_view text;
    bool whole;  // else the beginning of names
  };
  std::vector<Entry> entries_;  // sorted by the key of their first two bytes
  // Where those of a key begin; they end where those of the next one begin.
  std::array<uint16_t, 257> first_{};
};

}  // namespace lk::detect
