// SPDX-License-Identifier: Apache-2.0
// Confidence intervals for ratios of latency percentiles.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/report/statistics.h"
#include "support/histogram.h"

namespace lk::report {

using Histograms = std::vector<const Histogram*>;  // one for each run; none null or empty

struct BootstrapOptions {
  double confidence = 0.95;
  uint32_t resamples = 2000;
  uint64_t seed = 1;
};

// For each quantile (0 < q <= 1, 1 = the maximum), the interval for b's value divided by a's, each over all runs of its
// side merged: bootstrap percentile intervals (B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, 1993,
// chapter 13). Whole runs are resampled, since the samples of a run are not independent. Percentile intervals are too
// narrow for few runs, so they are widened as T. C. Hesterberg proposes (The American Statistician 69, 2015, 371-386,
// "expanded percentile interval"), based on the number of runs of the smaller side. The same seed gives the same
// result. Not set if a side has fewer than two runs, since a single run shows no spread between runs.
std::vector<std::optional<Interval>> BootstrapRatios(const Histograms& a, const Histograms& b,
                                                     std::span<const double> quantiles,
                                                     const BootstrapOptions& options);

// The number of runs below which an interval for a percentile is a mere guess. The range of n values misses the median
// of their distribution with a probability of 2^(1-n) (H. A. David, H. N. Nagaraja, Order Statistics, 2003, section
// 7.1). Returns the smallest n for which this probability is at most 1 - confidence: 6 at 95%.
uint32_t RunsToEnclose(double confidence);

}  // namespace lk::report
