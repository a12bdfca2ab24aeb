// SPDX-License-Identifier: Apache-2.0
// Compares two proportions of independent trials: tests, intervals, sample sizes. Levels, rates and p-values are
// fractions of 1.
#pragma once

#include <cstdint>
#include <optional>

#include "server/report/statistics.h"

namespace lk::report {

struct Proportion {
  uint32_t successes = 0;
  uint32_t trials = 0;

  double rate() const { return trials == 0 ? 0 : static_cast<double>(successes) / trials; }
};

// Two-sided p of Fisher's exact test (R. A. Fisher, The Design of Experiments, 1935, chapter II): the probability of
// all tables with the same margins that are at most as likely as the observed one. 1 if a side has no trials.
double FisherP(Proportion a, Proportion b);

// Two-sided p of Boschloo's exact unconditional test (R. D. Boschloo, Statistica Neerlandica 24, 1970, 1-35): tables
// are ordered by Fisher's p, and p is the greatest probability of a table at least as extreme, over all success rates
// that the two sides may have in common. It is never above Fisher's p and often half of it, since it does not assume
// that the total number of successes was known beforehand: three passes against three failures give 0.031, as opposed
// to 0.1 with Fisher's test. S. Lydersen, M. W. Fagerland and P. Laake (Statistics in Medicine 28, 2009, 1159-1175)
// recommend it over Fisher's. Above 250000 possible tables (500 trials a side) the two p-values differ little,
// and Fisher's is returned.
double BoschlooP(Proportion a, Proportion b);

// The p of the most extreme table possible; 1 if a side has no trials.
double SmallestBoschlooP(uint32_t trials_a, uint32_t trials_b);

// The minimum number of trials on each side with which Boschloo's test can give p <= alpha: n of n against 0 of n gives
// 2^(1-2n), except for n = 1, which gives 1.
uint32_t LeastTrials(double alpha);

// Exact interval of one proportion (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934, 404-413). 0 to 1 without trials.
Interval ClopperPearson(Proportion proportion, double confidence);

// Score interval of one proportion (E. B. Wilson, JASA 22, 1927, 209-212). 0 to 1 without trials.
Interval WilsonScore(Proportion proportion, double confidence);

// Interval of b's rate minus a's: the hybrid score interval, method 10 of R. G. Newcombe, Statistics in Medicine 17,
// 1998, 873-890; recommended for small samples by M. W. Fagerland, S. Lydersen, P. Laake, Statistical Methods in
// Medical Research 24, 2015, 224-254. It does not invert Boschloo's test: if p is close to 1 - confidence, the
// interval may include 0 although the test is significant, or the reverse. -1 to 1 if a side has no trials.
Interval NewcombeDifference(Proportion a, Proportion b, double confidence);

// Probability that Boschloo's test with this many trials on each side gives p <= alpha, given these rates.
// Computed by enumerating all tables.
double BoschlooPower(uint32_t trials, double rate_a, double rate_b, double alpha);

// A number of trials on each side with which Boschloo's test has this power, found by doubling and then bisection. The
// power does not always grow with the number of trials, so a slightly smaller number may be enough. Not set if none up
// to `most` is found.
std::optional<uint32_t> TrialsToTell(double rate_a, double rate_b, double alpha, double power, uint32_t most);

// The smallest number of trials on each side with which NewcombeDifference lies within +-margin, given these rates. Not
// set if there is none up to `most`.
std::optional<uint32_t> TrialsToBound(double rate_a, double rate_b, double margin, double confidence, uint32_t most);

}  // namespace lk::report
