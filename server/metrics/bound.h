// SPDX-License-Identifier: Apache-2.0
// Keeps /metrics within a number of series.
#pragma once

#include <cstdint>

#include "server/metrics/limits.h"
#include "server/store/store.h"

namespace lk::metrics {

inline constexpr const char* kOtherTitles = "(others)";

struct LeftOut {
  uint64_t kernels = 0;    // that have nothing in /metrics
  uint64_t latencies = 0;  // further kernels: those without histograms
  uint64_t titles = 0;     // titles of kernels that are served
  uint64_t series = 0;     // that are served
};

// Takes out of the statistics what goes beyond the limits.
LeftOut Bound(store::RunStatistics& statistics, const Limits& limits);

}  // namespace lk::metrics
