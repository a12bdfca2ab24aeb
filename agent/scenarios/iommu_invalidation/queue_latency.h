// SPDX-License-Identifier: Apache-2.0
// Times from submission to completion recorded by the VT-d driver in debugfs (CONFIG_INTEL_IOMMU_DEBUGFS).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::agent::iommu_invalidation {

// A row of dmar_perf_latency: one IOMMU and one type.
struct QueueLatency {
  std::string type;  // inv_iotlb, inv_devtlb, inv_iec
  uint64_t min_us = 0;
  uint64_t max_us = 0;
  uint64_t average_us = 0;
};

// Parses the rows printed by dmar_latency_snapshot() (drivers/iommu/intel/perf.c): a name, counts, then the three
// times. Ignores other lines.
std::vector<QueueLatency> ParseQueueLatency(std::string_view text);

// Makes the driver record latencies. Error: FAILED_PRECONDITION (not supported).
Status StartQueueLatency();
// Returns the recorded latencies. Empty if there are none.
std::vector<QueueLatency> ReadQueueLatency();

}  // namespace lk::agent::iommu_invalidation
