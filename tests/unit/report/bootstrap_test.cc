// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "server/report/statistics_bootstrap.h"
#include "tests/unit/report/samples.h"

namespace lk::report {
namespace {

using testing::Each;
using testing::Eq;
using testing::Optional;

constexpr std::array<double, 3> kQuantiles = {0.5, 0.99, 1};

Histograms Pointers(const std::vector<Histogram>& histograms) {
  Histograms pointers;
  for (const Histogram& histogram : histograms) pointers.push_back(&histogram);
  return pointers;
}

// One value per run.
std::vector<Histogram> Constant(const std::vector<uint64_t>& values) {
  std::vector<Histogram> histograms(values.size());
  for (size_t i = 0; i < values.size(); ++i) histograms[i].Record(values[i], 100);
  return histograms;
}

TEST(BootstrapRatios, HaveNoWidthIfRunsDoNotDiffer) {
  std::vector<Histogram> a(8);
  std::vector<Histogram> b(8);
  for (uint64_t ns = 1000; ns < 100'000; ns += 37) {
    for (Histogram& histogram : a) histogram.Record(ns);
    for (Histogram& histogram : b) histogram.Record(2 * ns);
  }
  const auto intervals = BootstrapRatios(Pointers(a), Pointers(b), kQuantiles, {});
  ASSERT_EQ(intervals.size(), 3u);
  for (size_t i = 0; i < intervals.size(); ++i) {
    // The quantiles are those of Histogram::Quantile.
    const double ratio =
        static_cast<double>(b[0].Quantile(kQuantiles[i])) / static_cast<double>(a[0].Quantile(kQuantiles[i]));
    EXPECT_DOUBLE_EQ(intervals[i]->low, ratio);
    EXPECT_DOUBLE_EQ(intervals[i]->high, ratio);
  }
}

TEST(BootstrapRatios, AreReproducible) {
  Dice dice(1);
  std::vector<Histogram> a(6);
  std::vector<Histogram> b(9);
  for (auto* side : {&a, &b}) {
    for (Histogram& histogram : *side) histogram = Draw({}, {"x"}, dice).latencies.at("x");
  }
  const auto once = BootstrapRatios(Pointers(a), Pointers(b), kQuantiles, {.seed = 5});
  const auto again = BootstrapRatios(Pointers(a), Pointers(b), kQuantiles, {.seed = 5});
  for (size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i]->low, again[i]->low);
    EXPECT_EQ(once[i]->high, again[i]->high);
    EXPECT_LT(once[i]->low, once[i]->high);
  }
}

TEST(BootstrapRatios, SpanAllRunsIfThereAreFew) {
  // With three runs, the widened interval leaves out less than one resample, so it spans everything that was drawn.
  const std::vector<Histogram> a = Constant({10, 10, 10});
  const std::vector<Histogram> b = Constant({10, 20, 30});
  const auto intervals = BootstrapRatios(Pointers(a), Pointers(b), std::array{0.5}, {});
  EXPECT_DOUBLE_EQ(intervals[0]->low, 1);
  EXPECT_DOUBLE_EQ(intervals[0]->high, 3);
}

TEST(BootstrapRatios, NeedTwoRunsAndTolerateZeros) {
  const std::vector<Histogram> one = Constant({10});
  const std::vector<Histogram> zeros = Constant({0, 0});
  EXPECT_THAT(BootstrapRatios(Pointers(one), Pointers(zeros), kQuantiles, {}), Each(Eq(std::nullopt)));
  EXPECT_THAT(BootstrapRatios(Pointers(zeros), Pointers(zeros), kQuantiles, {}), Each(testing::Ne(std::nullopt)));
}

TEST(BootstrapRatios, ContainTheTruthAboutAsOftenAsStated) {
  // 300 experiments each; b's medians are 1.3 times a's. At a coverage of 0.95, the count is at least 275 with a
  // probability of 0.99. The lower limit for 6 runs allows for the known undercoverage of percentile intervals.
  struct Case {
    int runs;
    int least;
  };
  for (const auto& [runs, least] : {Case{6, 270}, Case{12, 275}}) {
    Dice dice(17);
    int held = 0;
    for (int experiment = 0; experiment < 300; ++experiment) {
      std::vector<Histogram> a;
      std::vector<Histogram> b;
      for (int i = 0; i < runs; ++i) {
        a.push_back(Draw({.median_ns = 100'000, .latencies = 60}, {"x"}, dice).latencies.at("x"));
        b.push_back(Draw({.median_ns = 130'000, .latencies = 60}, {"x"}, dice).latencies.at("x"));
      }
      const auto interval = BootstrapRatios(Pointers(a), Pointers(b), std::array{0.5}, {.resamples = 400})[0];
      // Buckets are 1/32 wide.
      if (interval->low <= 1.3 * 1.03 && interval->high >= 1.3 / 1.03) ++held;
    }
    EXPECT_GE(held, least) << runs << " runs";
  }
}

TEST(RunsToEnclose, IsEnoughForTheRangeToContainTheMedian) {
  EXPECT_EQ(RunsToEnclose(0.5), 2u);
  EXPECT_EQ(RunsToEnclose(0.95), 6u);  // 2^-5 = 0.031
  EXPECT_EQ(RunsToEnclose(0.99), 8u);  // 2^-7 = 0.0078
}

}  // namespace
}  // namespace lk::report
