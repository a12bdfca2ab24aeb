// SPDX-License-Identifier: Apache-2.0
// Limits the number of series in /metrics.
#pragma once

#include <cstdint>

#include "server/metrics/limits.h"
#include "server/store/store.h"

namespace lk::metrics {

inline constexpr const char* kOtherTitles = "(others)";

struct LeftOut {
  uint64_t kernels = 0;    // without any series in /metrics
  uint64_t latencies = 0;  // other kernels that lack only histograms
  uint64_t titles = 0;     // titles of the kernels in /metrics that are summed as kOtherTitles
  uint64_t series = 0;     // series of kernels that are not left out
};

// Removes everything beyond the limits from the statistics.
LeftOut Bound(store::RunStatistics& statistics, const Limits& limits);

}  // namespace lk::metrics
