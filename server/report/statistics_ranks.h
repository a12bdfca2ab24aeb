// SPDX-License-Identifier: Apache-2.0
// Two samples of independent values of which nothing is known but their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lk::report {

// Two-sided p of the rank-sum test (F. Wilcoxon, Biometrics Bulletin 1, 1945, 80-83; H. B. Mann, D. R. Whitney, Annals
// of Mathematical Statistics 18, 1947, 50-60): the probability that a random division of the pooled values into two
// such samples has a rank sum as far from its mean. Up to 50 values in all it is exact, ties included, by the shift
// algorithm over midranks (B. Streitberg, J. Roehmel, Statistical Software Newsletter 12, 1986, 10-17); beyond, by the
// normal distribution with the variance corrected for ties and with continuity correction (E. L. Lehmann,
// Nonparametrics, 1975, section 1.4). 1 where a side is empty.
double RankSumP(std::span<const double> a, std::span<const double> b);

// The p of two samples of these sizes of which one lies wholly above the other: no smaller one can come out. 1 where a
// side is empty.
double SmallestRankSumP(size_t size_a, size_t size_b);

// Values on each side below which the rank-sum test cannot give p <= alpha.
uint32_t LeastValues(double alpha);

// Cliff's delta (N. Cliff, Psychological Bulletin 114, 1993, 494-509): the share of pairs in which b is the greater,
// minus the share in which a is; -1 ... 1. The A12 of A. Vargha, H. D. Delaney (Journal of Educational and Behavioral
// Statistics 25, 2000, 101-132) is (delta + 1) / 2. 0 where a side is empty.
double CliffsDelta(std::span<const double> a, std::span<const double> b);

// "negligible", "small", "medium" or "large": below 0.147, 0.33 and 0.474 (J. Romano et al., Annual Meeting of the
// Florida Association of Institutional Research, 2006).
std::string_view Magnitude(double cliffs_delta);

// Values on each side with which the rank-sum test has that power at level alpha, two-sided, if the delta is this one
// (G. E. Noether, JASA 82, 1987, 645-647, for samples of one size); not rounded, infinite for a delta of 0.
double NoetherSize(double cliffs_delta, double alpha, double power);

}  // namespace lk::report
