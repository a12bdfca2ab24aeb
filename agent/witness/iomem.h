// SPDX-License-Identifier: Apache-2.0
// Ranges of physical memory, as listed in /proc/iomem.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lk::agent {

// Physical addresses [start, end).
struct Range {
  uint64_t start = 0;
  uint64_t end = 0;
  bool operator==(const Range&) const = default;
};
// Sorted, disjoint and not adjacent.
using Ranges = std::vector<Range>;

// Sorts ranges, merges those that overlap or touch, and drops empty ones.
Ranges Normalise(Ranges ranges);
Ranges Subtract(const Ranges& ranges, const Ranges& holes);
// Formats ranges as "0x100000-0x7ffdffff 0x...", with inclusive ends.
std::string ToString(const Ranges& ranges);

// Returns the ranges in the text of /proc/iomem whose names begin with `name`, at any depth.
Ranges ParseIomem(std::string_view text, std::string_view name);

// Returns the total size in bytes.
uint64_t Size(const Ranges& ranges);

}  // namespace lk::agent
