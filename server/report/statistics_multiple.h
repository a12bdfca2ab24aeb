// SPDX-License-Identifier: Apache-2.0
// Multiple comparisons.
#pragma once

#include <span>
#include <vector>

namespace lk::report {

// p-values adjusted by S. Holm's step-down method (Scandinavian Journal of Statistics 6, 1979, 65-70): if those that
// are at most alpha are rejected, the probability of any wrong rejection is at most alpha, however the comparisons
// depend on each other. Returned in the order of `p`.
std::vector<double> HolmAdjusted(std::span<const double> p);

// Which comparisons are worth making at all: those whose smallest possible p-value can still be significant given how
// many are made (R. E. Tarone, Biometrics 46, 1990, 515-522). `smallest` must depend on the sample sizes alone, never
// on the data. The comparisons left out then do not weaken the others, for which the guarantee of Holm's method still
// holds.
std::vector<bool> WorthTesting(std::span<const double> smallest, double alpha);

}  // namespace lk::report
