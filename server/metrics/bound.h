// SPDX-License-Identifier: Apache-2.0
// Keeps /metrics within a number of series.
#pragma once

#include <cstdint>

#include "server/store/store.h"

namespace lk::metrics {

struct Limits {
  // Series of kernels. What is left out first: the histograms of kernels, whose last run finished longest ago first,
  // then all of such kernels. With so many a scrape stays below a quarter of a second of CPU (tests/bench/metrics).
  uint32_t max_series = 30000;
  // Titles of findings of each kernel: those it had first are kept, the others are summed up as kOtherTitles, so that a
  // counter only ever grows.
  uint32_t max_titles = 200;
};

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
