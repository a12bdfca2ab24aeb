// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lk::metrics {

// Limits on the number of series in /metrics (see bound.h).
struct Limits {
  // Series of kernels. Beyond that, histograms are dropped first, then whole kernels, in both cases beginning with the
  // kernel whose last run finished longest ago. At the default limit, a scrape takes less than 250 ms of CPU time
  // (tests/bench/metrics).
  uint32_t max_series = 30000;
  // Titles of findings per kernel. The first titles are kept and the others are summed as kOtherTitles, so that no
  // counter ever decreases.
  uint32_t max_titles = 200;
};

}  // namespace lk::metrics
