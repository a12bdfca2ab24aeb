// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "server/report/statistics_ranks.h"

namespace lk::report {
namespace {

using Values = std::vector<double>;

// Two samples without ties, such that the value from the first is the greater one in `u` pairs.
std::pair<Values, Values> WithU(size_t size_a, size_t size_b, size_t u) {
  Values a;
  Values b;
  for (size_t i = 0; i < size_b; ++i) b.push_back(static_cast<double>(i));
  // Places each value of `a` above as many values of `b` as the rest of `u` allows.
  for (size_t i = 0; i < size_a; ++i) {
    const size_t above = std::min(size_b, u);
    u -= above;
    a.push_back(static_cast<double>(above) - 0.5 + 0.001 * static_cast<double>(i));
  }
  return {a, b};
}

// Straight from the definition: tries every way to split the pooled values into two samples.
double PlainP(const Values& a, const Values& b) {
  Values pooled = a;
  pooled.insert(pooled.end(), b.begin(), b.end());
  const auto distance = [&](uint32_t chosen) {
    double balance = 0;
    for (size_t i = 0; i < pooled.size(); ++i) {
      for (size_t j = 0; j < pooled.size(); ++j) {
        const bool across = (chosen >> i & 1) == 1 && (chosen >> j & 1) == 0;
        if (across) balance += (pooled[i] > pooled[j]) - (pooled[i] < pooled[j]);
      }
    }
    return std::abs(balance);
  };
  const double seen = distance((1u << a.size()) - 1);
  double all = 0;
  double as_far = 0;
  for (uint32_t chosen = 0; chosen < 1u << pooled.size(); ++chosen) {
    if (static_cast<size_t>(std::popcount(chosen)) != a.size()) continue;
    ++all;
    if (distance(chosen) >= seen) ++as_far;
  }
  return as_far / all;
}

TEST(RankSumP, MatchesPublishedCriticalValues) {
  // The greatest U that is significant at 0.05, two-sided, according to tables of the Mann-Whitney U statistic (after
  // D. Auble, Bulletin of the Institute of Educational Research at Indiana University 1, 1953, No. 2).
  struct Critical {
    size_t size_a, size_b, u;
  };
  const std::vector<Critical> published = {{4, 4, 0},    {3, 5, 0},    {5, 5, 2},    {6, 6, 5},    {7, 7, 8},
                                           {5, 8, 6},    {8, 8, 13},   {9, 9, 17},   {10, 10, 23}, {6, 12, 14},
                                           {12, 12, 37}, {15, 15, 64}, {20, 20, 127}};
  for (const auto& [size_a, size_b, u] : published) {
    const auto [a, b] = WithU(size_a, size_b, u);
    EXPECT_LE(RankSumP(a, b), 0.05) << size_a << ", " << size_b;
    const auto [next_a, next_b] = WithU(size_a, size_b, u + 1);
    EXPECT_GT(RankSumP(next_a, next_b), 0.05) << size_a << ", " << size_b;
  }
}

TEST(RankSumP, MatchesThePermeabilityOfTheChorioamnion) {
  // M. Hollander, D. A. Wolfe, Nonparametric Statistical Methods, 1973, example 4.1: one-sided 0.1272.
  const Values at_term = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
  const Values early = {1.15, 0.88, 0.90, 0.74, 1.21};
  EXPECT_NEAR(RankSumP(at_term, early), 0.2544, 0.5e-4);
  EXPECT_NEAR(CliffsDelta(early, at_term), (2 * 35.0 - 50) / 50, 1e-12);
}

TEST(RankSumP, FollowsItsDefinitionWithTies) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 40; ++round) {
    Values a(1 + random() % 5);
    Values b(1 + random() % 6);
    for (double& value : a) value = static_cast<double>(random() % 5);
    for (double& value : b) value = static_cast<double>(random() % 5);
    EXPECT_NEAR(RankSumP(a, b), PlainP(a, b), 1e-12);
    EXPECT_NEAR(RankSumP(a, b), RankSumP(b, a), 1e-12);
  }
}

TEST(RankSumP, OfEqualValuesIsOne) {
  EXPECT_EQ(RankSumP(Values(5, 2.0), Values(7, 2.0)), 1);
  EXPECT_EQ(RankSumP(Values(40, 2.0), Values(40, 2.0)), 1);
  EXPECT_EQ(RankSumP({}, Values(7, 2.0)), 1);
}

TEST(RankSumP, ChangesSmoothlyToTheNormalDistribution) {
  std::mt19937_64 random(11);
  const auto draw = [&](size_t size, double shift) {
    Values values(size);
    for (double& value : values) value = static_cast<double>(random() % 20) + shift;  // with ties
    return values;
  };
  for (const double shift : {0.0, 2.0, 5.0}) {
    Values a = draw(25, 0);
    Values b = draw(25, shift);
    const double exact = RankSumP(a, b);
    // One more value on each side, in the middle of all, changes almost nothing except the method.
    a.push_back(10 + shift / 2);
    b.push_back(10 + shift / 2);
    EXPECT_NEAR(RankSumP(a, b), exact, 0.1 * exact + 0.001) << shift;
  }
}

TEST(RankSumP, DependsOnOrderAlone) {
  const Values a = {1, 4, 6, 7};
  const Values b = {2, 3, 9, 11, 12};
  const auto stretch = [](Values values) {
    for (double& value : values) value = std::exp(value);
    return values;
  };
  EXPECT_EQ(RankSumP(a, b), RankSumP(stretch(a), stretch(b)));
  EXPECT_EQ(CliffsDelta(a, b), CliffsDelta(stretch(a), stretch(b)));
}

TEST(SmallestRankSumP, IsThatOfSeparateSamples) {
  EXPECT_NEAR(SmallestRankSumP(3, 3), 0.1, 1e-12);
  EXPECT_NEAR(SmallestRankSumP(5, 5), 2.0 / 252, 1e-12);
  EXPECT_NEAR(SmallestRankSumP(3, 5), RankSumP(Values{1, 2, 3}, Values{4, 5, 6, 7, 8}), 1e-12);
  EXPECT_EQ(SmallestRankSumP(1, 1), 1);
  EXPECT_EQ(SmallestRankSumP(0, 9), 1);
  EXPECT_GE(SmallestRankSumP(5000, 5000), 0) << "no overflow";
}

TEST(LeastValues, IsEnoughForSeparateSamples) {
  EXPECT_EQ(LeastValues(0.05), 4u);  // 2/70; three a side give 2/20
  EXPECT_EQ(LeastValues(0.01), 5u);  // 2/252
}

TEST(CliffsDelta, CountsPairs) {
  EXPECT_EQ(CliffsDelta(Values{1, 2}, Values{3, 4}), 1);
  EXPECT_EQ(CliffsDelta(Values{3, 4}, Values{1, 2}), -1);
  EXPECT_EQ(CliffsDelta(Values{1, 2}, Values{1, 2}), 0);
  EXPECT_EQ(CliffsDelta(Values{1, 3}, Values{2, 3}), 0.25);
  EXPECT_EQ(CliffsDelta({}, Values{1}), 0);
}

TEST(Magnitude, StepsAtThePublishedThresholds) {
  EXPECT_EQ(Magnitude(0), "negligible");
  EXPECT_EQ(Magnitude(-0.146), "negligible");
  EXPECT_EQ(Magnitude(0.147), "small");
  EXPECT_EQ(Magnitude(-0.33), "medium");
  EXPECT_EQ(Magnitude(0.474), "large");
}

TEST(NoetherSize, MatchesAPublishedSize) {
  // The planning value 0.3 for P(a > b), level 0.05, power 0.9: 44 per group (D. G. Bonett, R package statpsych,
  // size.test.mann).
  EXPECT_EQ(std::ceil(NoetherSize(1 - 2 * 0.3, 0.05, 0.9)), 44);
  EXPECT_EQ(NoetherSize(0.4, 0.05, 0.9), NoetherSize(-0.4, 0.05, 0.9));
  EXPECT_EQ(NoetherSize(0, 0.05, 0.9), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace lk::report
