// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lk::agent::iommu_invalidation {

// Returns the indices of the totals that did not change.
inline std::vector<size_t> Idle(const std::vector<uint64_t>& before, const std::vector<uint64_t>& now) {
  std::vector<size_t> idle;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i] == before[i]) idle.push_back(i);
  }
  return idle;
}

}  // namespace lk::agent::iommu_invalidation
