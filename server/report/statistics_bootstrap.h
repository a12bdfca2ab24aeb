// SPDX-License-Identifier: Apache-2.0
// How far a ratio of latency percentiles may be off.
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

// For each quantile (0 < q <= 1; 1: the maximum) the interval of b's over a's, of all runs of a side merged: bootstrap
// percentile intervals (B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). What is drawn
// anew are whole runs, since samples of one run are not independent. Percentile intervals are too narrow for few runs;
// the tails are therefore widened as T. C. Hesterberg proposes (The American Statistician 69, 2015, 371-386, "expanded
// percentile interval"), by the smaller side's number of runs. One seed gives one result. Fewer than two runs on a
// side: nothing, since there is no spread between runs to be seen.
std::vector<std::optional<Interval>> BootstrapRatios(const Histograms& a, const Histograms& b,
                                                     std::span<const double> quantiles,
                                                     const BootstrapOptions& options);

// Runs without which an interval of a percentile is no more than a guess: the range of n values misses the median of
// what they were drawn from with a probability of 2^(1-n) (H. A. David, H. N. Nagaraja, Order Statistics, 2003, section
// 7.1); the smallest n at which that is at most 1 - confidence, 6 at 95 %.
uint32_t RunsToEnclose(double confidence);

}  // namespace lk::report
