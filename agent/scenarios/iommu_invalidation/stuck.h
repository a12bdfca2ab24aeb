// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

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

// How long to wait for requests that may never complete: from the last completion on, or from when the I/O was to end
// if that was later.
class Patience {
 public:
  Patience(absl::Duration patience, absl::Time now) : patience_(patience), since_(now) {}
  // Call this after each wait for a request. `ending`: the I/O was to end when the wait began.
  void Waited(absl::Time now, bool completed, bool ending) {
    if (completed || !ending) since_ = now;
  }
  bool IsOver(absl::Time now) const { return now >= since_ + patience_; }

 private:
  const absl::Duration patience_;
  absl::Time since_;
};

}  // namespace lk::agent::iommu_invalidation
