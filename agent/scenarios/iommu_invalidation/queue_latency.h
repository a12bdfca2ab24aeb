// SPDX-License-Identifier: Apache-2.0
// Time from submission to completion as the VT-d driver itself keeps it in debugfs (CONFIG_INTEL_IOMMU_DEBUGFS).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::agent::iommu_invalidation {

// A row of dmar_perf_latency: of one IOMMU and one type.
struct QueueLatency {
  std::string type;  // inv_iotlb, inv_devtlb, inv_iec
  uint64_t min_us = 0;
  uint64_t max_us = 0;
  uint64_t average_us = 0;
};

// Rows as dmar_latency_snapshot() prints them (drivers/iommu/intel/perf.c): a name, counts, then the three times. Other
// lines are left out.
std::vector<QueueLatency> ParseQueueLatency(std::string_view text);

// Has the driver keep them from now on. Error: FAILED_PRECONDITION: it cannot.
Status StartQueueLatency();
// What it kept. Empty: nothing.
std::vector<QueueLatency> ReadQueueLatency();

}  // namespace lk::agent::iommu_invalidation
