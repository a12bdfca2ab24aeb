// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lk::metrics {

// Keeps /metrics within a number of series, see bound.h.
struct Limits {
  // Series of kernels. What is left out first: the histograms of kernels, whose last run finished longest ago first,
  // then all of such kernels. With so many a scrape stays below a quarter of a second of CPU (tests/bench/metrics).
  uint32_t max_series = 30000;
  // Titles of findings of each kernel: those it had first are kept, the others are summed up as kOtherTitles, so that a
  // counter only ever grows.
  uint32_t max_titles = 200;
};

}  // namespace lk::metrics
