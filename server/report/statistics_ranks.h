// SPDX-License-Identifier: Apache-2.0
// Compares two samples of independent values by their order alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lk::report {

// Two-sided p of the rank-sum test (F. Wilcoxon, Biometrics Bulletin 1, 1945, 80-83; H. B. Mann, D. R. Whitney, Annals
// of Mathematical Statistics 18, 1947, 50-60): the probability that a random split of the pooled values into two
// samples of these sizes has a rank sum at least as far from the mean as the observed one. Up to 50 values in total it
// is exact, even with ties, using the shift algorithm over midranks (B. Streitberg, J. Roehmel, Statistical Software
// Newsletter 12, 1986, 10-17). Beyond that it uses the normal distribution, with the variance corrected for ties and
// with continuity correction (E. L. Lehmann, Nonparametrics, 1975, section 1.4). 1 if a side is empty.
double RankSumP(std::span<const double> a, std::span<const double> b);

// The smallest possible p with these sizes: reached if the samples do not overlap. 1 if a side is empty.
double SmallestRankSumP(size_t size_a, size_t size_b);

// The minimum number of values on each side with which the rank-sum test can give p <= alpha.
uint32_t LeastValues(double alpha);

// Cliff's delta (N. Cliff, Psychological Bulletin 114, 1993, 494-509): the share of pairs in which b is greater,
// minus the share in which a is greater; from -1 to 1. The A12 of A. Vargha, H. D. Delaney (Journal of Educational and
// Behavioral Statistics 25, 2000, 101-132) is (delta + 1) / 2. 0 if a side is empty.
double CliffsDelta(std::span<const double> a, std::span<const double> b);

// "negligible", "small", "medium" or "large", with thresholds at 0.147, 0.33 and 0.474 (J. Romano et al., Annual
// Meeting of the Florida Association of Institutional Research, 2006).
std::string_view Magnitude(double cliffs_delta);

// The number of values on each side with which the rank-sum test has this power at the two-sided level alpha, for this
// delta (G. E. Noether, JASA 82, 1987, 645-647, for samples of equal size). Not rounded; infinite for a delta of 0.
double NoetherSize(double cliffs_delta, double alpha, double power);

}  // namespace lk::report
