// SPDX-License-Identifier: Apache-2.0
// Comparisons must be trustworthy: between runs of the same kernel, they call a difference at most as often as the
// stated error rate allows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>

#include "server/report/compare.h"
#include "tests/unit/report/samples.h"

namespace lk::report {
namespace {

const std::vector<std::string> kProbes = {"timer_wakeup", "page_fault"};

struct Family {
  std::vector<Nature> scenarios;
  int runs_a, runs_b;
  double error_rate;
};
void PrintTo(const Family& family, std::ostream* out) {
  *out << family.runs_a << " runs against " << family.runs_b;
}

// How many comparisons of a kernel with itself call at least one row worse or better.
struct Alarms {
  int worse = 0, better = 0, any = 0;

  void Count(const Comparison& comparison) {
    const auto has = [&](Call call) {
      return std::ranges::find(comparison.rows, call, &Row::call) != comparison.rows.end();
    };
    worse += has(Call::kWorse);
    better += has(Call::kBetter);
    any += has(Call::kWorse) || has(Call::kBetter);
  }
};

// The count that is exceeded with a probability of 1 in 1000 if alarms are as frequent as stated.
double Allowed(int comparisons, double error_rate) {
  return boost::math::quantile(boost::math::complement(boost::math::binomial(comparisons, error_rate), 0.001));
}

// For tests in which only calls matter: "worse" and "better" follow from p-values, which need no resamples.
CompareOptions Quick(double error_rate) {
  CompareOptions options;
  options.error_rate = error_rate;
  options.resamples = 20;
  options.max_runs = 0;
  return options;
}

Alarms Simulate(const Family& family, int comparisons) {
  Dice dice(20260101);
  Alarms alarms;
  for (int i = 0; i < comparisons; ++i) {
    Samples a;
    Samples b;
    for (size_t scenario = 0; scenario < family.scenarios.size(); ++scenario) {
      const Conditions conditions{.scenario = std::to_string(scenario), .profile = "small", .accelerator = "kvm"};
      a[conditions] = Draw(family.runs_a, family.scenarios[scenario], kProbes, dice);
      b[conditions] = Draw(family.runs_b, family.scenarios[scenario], kProbes, dice);
    }
    alarms.Count(Compare(a, b, Quick(family.error_rate)));
  }
  return alarms;
}

class FalseAlarms : public testing::TestWithParam<Family> {};

TEST_P(FalseAlarms, AreAtMostAsManyAsStated) {
  constexpr int kComparisons = 2000;
  const Alarms alarms = Simulate(GetParam(), kComparisons);
  EXPECT_LE(alarms.any, Allowed(kComparisons, GetParam().error_rate));
  // Guards against a statistical test that never rejects anything.
  EXPECT_GT(alarms.worse, 0);
  EXPECT_GT(alarms.better, 0);
}

const Nature kSteady{.pass_rate = 1, .latencies = 10};
const Nature kFlaky{.pass_rate = 0.6, .between = 0.3, .latencies = 10};

INSTANTIATE_TEST_SUITE_P(Kernels, FalseAlarms,
                         testing::Values(Family{{kFlaky}, 3, 3, 0.05}, Family{{kSteady, kFlaky}, 8, 6, 0.05},
                                         Family{{kSteady, kFlaky}, 8, 6, 0.2}),
                         [](const auto& test) {
                           return fmt::format("{}RunsAgainst{}At{}Percent", test.param.runs_a, test.param.runs_b,
                                              100 * test.param.error_rate);
                         });

TEST(FalseAlarmsBetweenHalves, AreAtMostAsManyAsStated) {
  // The same set of runs, split in half at random again and again: a kernel compared with itself.
  constexpr int kComparisons = 500;
  constexpr double kErrorRate = 0.05;
  Dice dice(4);
  const Conditions conditions{.scenario = "baseline", .profile = "small", .accelerator = "tcg"};
  std::vector<RunSample> record = Draw(24, {.pass_rate = 0.8, .between = 0.3, .latencies = 50}, kProbes, dice);
  Alarms alarms;
  for (int i = 0; i < kComparisons; ++i) {
    std::ranges::shuffle(record, dice.engine());
    const auto middle = record.begin() + 12;
    alarms.Count(
        Compare({{conditions, {record.begin(), middle}}}, {{conditions, {middle, record.end()}}}, Quick(kErrorRate)));
  }
  EXPECT_LE(alarms.any, Allowed(kComparisons, kErrorRate));
}

TEST(FalseSames, AtTheMarginAreAtMostAsManyAsStated) {
  // A pass rate that is lower by 0.1, and latencies that are longer by a tenth, lie exactly at the margin, where "same"
  // is wrong and may be called at no more than half the stated error rate.
  constexpr int kComparisons = 200;
  constexpr double kErrorRate = 0.05;
  Dice dice(9);
  const Conditions conditions{.scenario = "baseline", .profile = "small", .accelerator = "tcg"};
  CompareOptions options = Quick(kErrorRate);
  options.resamples = 200;
  options.percentiles = {kP50};
  int same_rate = 0;
  int same_latency = 0;
  for (int i = 0; i < kComparisons; ++i) {
    const Nature was{.pass_rate = 1, .between = 0.04, .latencies = 20};
    const Nature is{.pass_rate = 0.9, .median_ns = 110'000, .between = 0.04, .latencies = 20};
    const Comparison comparison =
        Compare({{conditions, Draw(40, was, {"x"}, dice)}}, {{conditions, Draw(40, is, {"x"}, dice)}}, options);
    same_rate += comparison.rows.at(0).call == Call::kSame;
    same_latency += comparison.rows.at(1).call == Call::kSame;
  }
  EXPECT_LE(same_rate, Allowed(kComparisons, kErrorRate / 2));
  EXPECT_LE(same_latency, Allowed(kComparisons, kErrorRate / 2));
}

}  // namespace
}  // namespace lk::report
