// SPDX-License-Identifier: Apache-2.0
// Counts the invalidations of each type that the VT-d driver submits, using the tracepoint intel_iommu:qi_submit
// (drivers/iommu/intel/trace.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::iommu_invalidation {

// A descriptor type; `code` is in bits 3:0 of a descriptor (Intel VT-d specification, "Queued Invalidation Interface").
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

// Returns an event filter for descriptors of one type. In the filter language "&" can only test bits
// (Documentation/trace/events.rst), so the filter tests each bit of the code separately.
std::string FilterFor(unsigned code);

// Exact counts from perf events, which cost one addition per submission and produce no records.
class InvalidationCounts {
 public:
  // Starts counting. Error: FAILED_PRECONDITION with the reason why the kernel cannot count invalidations.
  static StatusOr<InvalidationCounts> Open(const std::vector<int>& cpus);

  // Returns the counts so far, in the order of kTypes.
  std::array<uint64_t, kTypes.size()> Read() const;

 private:
  std::array<std::vector<UniqueFd>, kTypes.size()> events_;  // one for each CPU
};

}  // namespace lk::agent::iommu_invalidation
