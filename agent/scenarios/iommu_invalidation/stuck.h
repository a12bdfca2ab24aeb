// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lk::agent::iommu_invalidation {

// What one CPU has done.
struct Work {
  uint64_t completed = 0;
  unsigned in_flight = 0;
};

// Returns the indices of the CPUs that completed nothing since `before`, although they have requests in flight.
inline std::vector<size_t> Stuck(const std::vector<Work>& before, const std::vector<Work>& now) {
  std::vector<size_t> stuck;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].in_flight > 0 && now[i].completed == before[i].completed) stuck.push_back(i);
  }
  return stuck;
}

}  // namespace lk::agent::iommu_invalidation
