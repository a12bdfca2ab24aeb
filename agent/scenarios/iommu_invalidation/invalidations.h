// SPDX-License-Identifier: Apache-2.0
// How many invalidations of each type the VT-d driver submits, counted by the kernel at its tracepoint
// intel_iommu:qi_submit (drivers/iommu/intel/trace.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::iommu_invalidation {

// Bits 3:0 of a descriptor (Intel VT-d specification, "Queued Invalidation Interface").
struct Type {
  std::string_view counter;
  unsigned code;
};
inline constexpr std::array<Type, 7> kTypes = {{{"inv_context", 1},
                                                {"inv_iotlb", 2},
                                                {"inv_device_tlb", 3},
                                                {"inv_interrupt_entry", 4},
                                                {"inv_iotlb_pasid", 6},
                                                {"inv_pasid", 7},
                                                {"inv_device_tlb_pasid", 8}}};

// An event filter for descriptors of that type: the filter language knows "&" only as a test for bits
// (Documentation/trace/events.rst).
std::string FilterFor(unsigned code);

// Exact counts by perf events: an addition for each submission, no records.
class InvalidationCounts {
 public:
  // Counting begins. Errors: FAILED_PRECONDITION: the kernel cannot count them, and why.
  static StatusOr<InvalidationCounts> Open(const std::vector<int>& cpus);

  // So far, in the order of kTypes.
  std::array<uint64_t, kTypes.size()> Read() const;

 private:
  std::array<std::vector<UniqueFd>, kTypes.size()> events_;  // one for each CPU
};

}  // namespace lk::agent::iommu_invalidation
