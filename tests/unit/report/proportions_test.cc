// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "server/report/statistics_proportions.h"

namespace lk::report {
namespace {

// Published figures are accurate to half a unit in the last digit.
constexpr double kFourDigits = 0.5e-4 + 1e-9;

MATCHER_P2(IsAbout, low, high, "") {
  return std::abs(arg.low - low) <= kFourDigits && std::abs(arg.high - high) <= kFourDigits;
}

// ---- Fisher -------------------------------------------------------------------------------------------------------

TEST(FisherP, MatchesTheLadyTastingTea) {
  // Fisher 1935, chapter II: four of eight cups had the milk added first. The chance of identifying all of them is 1 in
  // 70, and that of identifying three or four is 17 in 70. Two-sided, both double, since the margins are equal.
  EXPECT_NEAR(FisherP({4, 4}, {0, 4}), 2.0 / 70, 1e-12);
  EXPECT_NEAR(FisherP({3, 4}, {1, 4}), 34.0 / 70, 1e-12);
  EXPECT_NEAR(FisherP({2, 4}, {2, 4}), 1, 1e-12);
}

TEST(FisherP, MatchesTheConvictionsOfTwins) {
  // Fisher, Journal of the Royal Statistical Society 98, 1935, 48-50: of 13 monozygotic twins of convicts, 10 were
  // convicted; of 17 dizygotic ones, 2 were. One tail is 0.000465; with those tables of the other tail that are at
  // least as rare, p is 0.00054.
  EXPECT_NEAR(FisherP({10, 13}, {2, 17}), 0.0005367, 0.5e-7);
}

TEST(FisherP, IsOneWithoutTrials) {
  EXPECT_EQ(FisherP({0, 0}, {3, 3}), 1);
  EXPECT_EQ(BoschlooP({3, 3}, {0, 0}), 1);
  EXPECT_EQ(SmallestBoschlooP(0, 4), 1);
}

// ---- Boschloo -----------------------------------------------------------------------------------------------------

// Boschloo's test straight from its definition: slow, but without any of the library's shortcuts.
double PlainBoschlooP(Proportion a, Proportion b) {
  const auto choose = [](uint32_t n, uint32_t k) {
    double ways = 1;
    for (uint32_t i = 1; i <= k; ++i) ways = ways * (n - k + i) / i;
    return ways;
  };
  const auto fisher = [&](uint32_t x, uint32_t y) {
    const auto ways = [&](uint32_t i) { return choose(a.trials, i) * choose(b.trials, x + y - i); };
    double all = 0;
    double rare = 0;
    for (uint32_t i = 0; i <= std::min(x + y, a.trials); ++i) {
      if (x + y - i > b.trials) continue;
      all += ways(i);
      if (ways(i) <= ways(x) * (1 + 1e-7)) rare += ways(i);
    }
    return rare / all;
  };
  const double seen = fisher(a.successes, b.successes);
  double most = 0;
  for (int point = 1; point < 2000; ++point) {
    const double rate = point / 2000.0;
    double sum = 0;
    for (uint32_t x = 0; x <= a.trials; ++x) {
      for (uint32_t y = 0; y <= b.trials; ++y) {
        if (fisher(x, y) > seen * (1 + 1e-7)) continue;
        sum += choose(a.trials, x) * choose(b.trials, y) * std::pow(rate, x + y) *
               std::pow(1 - rate, a.trials + b.trials - x - y);
      }
    }
    most = std::max(most, sum);
  }
  return most;
}

TEST(BoschlooP, FollowsItsDefinition) {
  const std::vector<std::pair<Proportion, Proportion>> tables = {{{1, 3}, {3, 3}},  {{0, 4}, {3, 5}}, {{7, 8}, {1, 4}},
                                                                 {{2, 9}, {8, 10}}, {{5, 6}, {0, 2}}, {{3, 3}, {3, 3}}};
  for (const auto& [a, b] : tables) {
    EXPECT_NEAR(BoschlooP(a, b), PlainBoschlooP(a, b), 1e-5) << a.successes << " of " << a.trials;
  }
}

TEST(BoschlooP, ForAllAgainstNoneIsGreatestAtARateOfOneHalf) {
  // Both extreme tables have the probability rate^n (1-rate)^n.
  for (const uint32_t n : {2u, 3u, 5u, 10u}) {
    EXPECT_NEAR(BoschlooP({n, n}, {0, n}), std::pow(2, 1 - 2.0 * n), 1e-12) << n;
    EXPECT_EQ(SmallestBoschlooP(n, n), BoschlooP({n, n}, {0, n}));
  }
}

TEST(BoschlooP, IsNeverAboveFishersAndIsSymmetric) {
  for (uint32_t x = 0; x <= 9; ++x) {
    for (uint32_t y = 0; y <= 6; ++y) {
      const Proportion a = {x, 9};
      const Proportion b = {y, 6};
      const double p = BoschlooP(a, b);
      EXPECT_LE(p, FisherP(a, b));
      EXPECT_GE(p, SmallestBoschlooP(9, 6));
      EXPECT_NEAR(p, BoschlooP(b, a), 1e-9);
      EXPECT_NEAR(p, BoschlooP({9 - x, 9}, {6 - y, 6}), 1e-9);
    }
  }
}

TEST(BoschlooP, FallsAsTheSidesDiverge) {
  double last = 1;
  for (uint32_t failures = 0; failures <= 12; ++failures) {
    const double p = BoschlooP({12, 12}, {12 - failures, 12});
    EXPECT_LE(p, last);
    last = p;
  }
}

TEST(BoschlooP, IsFishersForManyTrials) {
  EXPECT_EQ(BoschlooP({800, 1000}, {750, 1000}), FisherP({800, 1000}, {750, 1000}));
  EXPECT_LT(BoschlooP({320, 400}, {300, 400}), FisherP({320, 400}, {300, 400}));
}

TEST(BoschlooP, KeepsItsLevelForAnyCommonRate) {
  constexpr uint32_t kA = 7;
  constexpr uint32_t kB = 5;
  const auto likely = [](uint32_t k, uint32_t n, double rate) {
    return std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0)) * std::pow(rate, k) *
           std::pow(1 - rate, n - k);
  };
  for (const double alpha : {0.01, 0.05, 0.2}) {
    for (double rate = 0.025; rate < 1; rate += 0.025) {
      double rejected = 0;
      for (uint32_t x = 0; x <= kA; ++x) {
        for (uint32_t y = 0; y <= kB; ++y) {
          if (BoschlooP({x, kA}, {y, kB}) <= alpha) rejected += likely(x, kA, rate) * likely(y, kB, rate);
        }
      }
      EXPECT_LE(rejected, alpha) << rate;
    }
  }
}

// ---- intervals ----------------------------------------------------------------------------------------------------

// Method 5 and method 3 in table I of R. G. Newcombe, Statistics in Medicine 17, 1998, 857-872.
struct Single {
  Proportion seen;
  Interval exact, score;
};

TEST(Intervals, OfOneProportionMatchThePublishedOnes) {
  const std::vector<Single> published = {{{81, 263}, {0.2527, 0.3676}, {0.2553, 0.3662}},
                                         {{15, 148}, {0.0578, 0.1617}, {0.0624, 0.1605}},
                                         {{0, 20}, {0.0000, 0.1684}, {0.0000, 0.1611}},
                                         {{1, 29}, {0.0009, 0.1776}, {0.0061, 0.1718}}};
  for (const Single& row : published) {
    EXPECT_THAT(ClopperPearson(row.seen, 0.95), IsAbout(row.exact.low, row.exact.high)) << row.seen.trials;
    EXPECT_THAT(WilsonScore(row.seen, 0.95), IsAbout(row.score.low, row.score.high)) << row.seen.trials;
  }
}

TEST(Intervals, OfOneProportionAreSymmetric) {
  for (uint32_t k = 0; k <= 8; ++k) {
    const Interval interval = ClopperPearson({k, 8}, 0.9);
    const Interval mirror = ClopperPearson({8 - k, 8}, 0.9);
    EXPECT_NEAR(interval.low, 1 - mirror.high, 1e-9);
    EXPECT_LE(interval.low, k / 8.0);
    EXPECT_GE(interval.high, k / 8.0);
  }
  EXPECT_THAT(ClopperPearson({0, 0}, 0.95), IsAbout(0, 1));
}

// Method 10 in table II of R. G. Newcombe, Statistics in Medicine 17, 1998, 873-890: the first minus the second.
struct Pair {
  Proportion first, second;
  Interval difference;
};

TEST(NewcombeDifference, MatchesPublishedIntervals) {
  const std::vector<Pair> published = {{{56, 70}, {48, 80}, {0.0524, 0.3339}}, {{9, 10}, {3, 10}, {0.1705, 0.8090}},
                                       {{6, 7}, {2, 7}, {0.0582, 0.8062}},     {{5, 56}, {0, 29}, {-0.0381, 0.1926}},
                                       {{0, 10}, {0, 20}, {-0.1611, 0.2775}},  {{0, 10}, {0, 10}, {-0.2775, 0.2775}},
                                       {{10, 10}, {0, 20}, {0.6791, 1.0000}},  {{10, 10}, {0, 10}, {0.6075, 1.0000}}};
  for (const Pair& row : published) {
    EXPECT_THAT(NewcombeDifference(row.second, row.first, 0.95), IsAbout(row.difference.low, row.difference.high))
        << row.first.successes << " of " << row.first.trials;
    EXPECT_THAT(NewcombeDifference(row.first, row.second, 0.95), IsAbout(-row.difference.high, -row.difference.low));
  }
  EXPECT_THAT(NewcombeDifference({0, 0}, {3, 3}, 0.95), IsAbout(-1, 1));
}

// ---- sample sizes -------------------------------------------------------------------------------------------------

TEST(BoschlooPower, MatchesPublishedSampleSizes) {
  // M. Kieser, Methods and Applications of Sample Size Calculation and Recalculation in Clinical Trials, 2020, chapter
  // 5: exact totals for the Fisher-Boschloo test, one-sided 0.025 (with equal groups the same as two-sided 0.05), power
  // 0.8, rates that differ by 0.2.
  struct Size {
    double rate;
    uint32_t total;
  };
  for (const auto& [rate, total] : {Size{0.1, 126}, Size{0.2, 168}, Size{0.3, 190}, Size{0.4, 204}}) {
    EXPECT_GE(BoschlooPower(total / 2, rate, rate + 0.2, 0.05), 0.8) << rate;
    EXPECT_LT(BoschlooPower(total / 2 - 1, rate, rate + 0.2, 0.05), 0.8) << rate;
  }
}

TEST(BoschlooPower, CountsTheTablesThatTheTestRejects) {
  constexpr uint32_t kTrials = 6;
  const auto likely = [](uint32_t k, double rate) {
    return std::exp(std::lgamma(kTrials + 1.0) - std::lgamma(k + 1.0) - std::lgamma(kTrials - k + 1.0)) *
           std::pow(rate, k) * std::pow(1 - rate, kTrials - k);
  };
  double power = 0;
  for (uint32_t x = 0; x <= kTrials; ++x) {
    for (uint32_t y = 0; y <= kTrials; ++y) {
      if (BoschlooP({x, kTrials}, {y, kTrials}) <= 0.05) power += likely(x, 0.9) * likely(y, 0.3);
    }
  }
  EXPECT_NEAR(BoschlooPower(kTrials, 0.9, 0.3, 0.05), power, 1e-9);
}

TEST(LeastTrials, IsEnoughForTheMostExtremeTable) {
  for (const double alpha : {0.5, 0.05, 0.01, 0.003, 0.0001}) {
    const uint32_t least = LeastTrials(alpha);
    EXPECT_LE(SmallestBoschlooP(least, least), alpha);
    EXPECT_GT(SmallestBoschlooP(least - 1, least - 1), alpha);
  }
  EXPECT_EQ(LeastTrials(0.05), 3u);
}

TEST(TrialsToTell, FindsTheSmallest) {
  // 2^(1-2n) <= 0.01 from n = 4 on.
  EXPECT_EQ(TrialsToTell(1, 0, 0.01, 0.8, 200), 4u);
  EXPECT_EQ(TrialsToTell(0, 1, 0.01, 0.8, 200), 4u);
  EXPECT_EQ(TrialsToTell(1, 0, 0.01, 0.8, 3), std::nullopt);
  EXPECT_EQ(TrialsToTell(0.5, 0.5, 0.05, 0.8, 100), std::nullopt);
  const uint32_t trials = TrialsToTell(0.95, 0.6, 0.05, 0.8, 200).value();
  EXPECT_GE(BoschlooPower(trials, 0.95, 0.6, 0.05), 0.8);
  EXPECT_LT(BoschlooPower(trials - 1, 0.95, 0.6, 0.05), 0.8);
}

TEST(TrialsToBound, FindsTheSmallestThatFits) {
  // All passed on both sides: Wilson's lower bound is n / (n + z^2), above 0.9 if n > 9 z^2 = 34.57.
  EXPECT_EQ(TrialsToBound(1, 1, 0.1, 0.95, 200), 35u);
  EXPECT_EQ(TrialsToBound(1, 1, 0.1, 0.95, 34), std::nullopt);
  EXPECT_EQ(TrialsToBound(1, 0.8, 0.1, 0.95, 200), std::nullopt);
}

}  // namespace
}  // namespace lk::report
