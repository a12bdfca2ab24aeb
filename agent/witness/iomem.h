// SPDX-License-Identifier: Apache-2.0
// Ranges of physical memory, as /proc/iomem shows them.
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
// Ascending, disjoint, none touching the next.
using Ranges = std::vector<Range>;

Ranges Normalise(Ranges ranges);
Ranges Subtract(const Ranges& ranges, const Ranges& holes);
// "0x100000-0x7ffdffff 0x...".
std::string ToString(const Ranges& ranges);

// Ranges of /proc/iomem whose name begins with `name`, at any depth.
Ranges ParseIomem(std::string_view text, std::string_view name);

// Bytes in all.
uint64_t Size(const Ranges& ranges);

}  // namespace lk::agent
