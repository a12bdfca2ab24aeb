// SPDX-License-Identifier: Apache-2.0
// Two shares of independent trials: tests, intervals, sample sizes. Levels, rates and p-values are fractions of 1.
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

// Two-sided p of Fisher's exact test (R. A. Fisher, The Design of Experiments, 1935, chapter II): all tables with the
// same margins that are at most as likely as the one seen. 1 where a side has no trials.
double FisherP(Proportion a, Proportion b);

// Two-sided p of Boschloo's exact unconditional test (R. D. Boschloo, Statistica Neerlandica 24, 1970, 1-35): Fisher's
// p is the statistic by which tables are ordered, and p is the greatest probability, over all success rates that the
// two sides may have in common, of a table at least as extreme. Never above Fisher's p and often half of it, since it
// does not pretend that the total of successes was known beforehand: three passes against three failures give 0.031, by
// Fisher's test 0.1. Recommended over Fisher's by S. Lydersen, M. W. Fagerland, P. Laake, Statistics in Medicine 28,
// 2009, 1159-1175. Above 250000 possible tables (500 trials a side) the two differ little, and this is Fisher's p.
double BoschlooP(Proportion a, Proportion b);

// The p of the most extreme table there is; 1 where a side has no trials.
double SmallestBoschlooP(uint32_t trials_a, uint32_t trials_b);

// Trials on each side below which Boschloo's test cannot give p <= alpha: all against none of n each gives 2^(1-2n),
// but of one each 1.
uint32_t LeastTrials(double alpha);

// Exact interval of one proportion (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934, 404-413). No trials: 0 to 1.
Interval ClopperPearson(Proportion proportion, double confidence);

// Score interval of one proportion (E. B. Wilson, JASA 22, 1927, 209-212). No trials: 0 to 1.
Interval WilsonScore(Proportion proportion, double confidence);

// Interval of b's rate minus a's: the hybrid score interval, method 10 of R. G. Newcombe, Statistics in Medicine 17,
// 1998, 873-890; recommended for small samples by M. W. Fagerland, S. Lydersen, P. Laake, Statistical Methods in
// Medical Research 24, 2015, 224-254. Not the inversion of Boschloo's test: near the level the two may disagree on
// whether 0 is in. No trials on a side: -1 to 1.
Interval NewcombeDifference(Proportion a, Proportion b, double confidence);

// Probability that Boschloo's test with so many trials on each side gives p <= alpha, if the rates are these; by
// enumeration of all tables.
double BoschlooPower(uint32_t trials, double rate_a, double rate_b, double alpha);

// Trials on each side from which on Boschloo's test has that power, found by doubling and halving: since power falls
// back a little here and there while trials grow, a slightly smaller number may do as well. None up to `most`: nothing.
std::optional<uint32_t> TrialsToTell(double rate_a, double rate_b, double alpha, double power, uint32_t most);

// Trials on each side from which on NewcombeDifference lies within +-margin, if the rates are these. None up to `most`:
// nothing.
std::optional<uint32_t> TrialsToBound(double rate_a, double rate_b, double margin, double confidence, uint32_t most);

}  // namespace lk::report
