// SPDX-License-Identifier: Apache-2.0
#include "server/report/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/report/samples.h"

namespace lk::report {
namespace {

using campaign::Verdict;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const Conditions kBaseline{.scenario = "baseline", .profile = "small", .accelerator = "kvm"};

std::vector<RunSample> Outcomes(int passed, int failed) {
  std::vector<RunSample> runs(static_cast<size_t>(passed + failed));
  for (int i = 0; i < passed; ++i) runs[static_cast<size_t>(i)].passed = true;
  return runs;
}

Row OnlyRow(const Samples& a, const Samples& b, const CompareOptions& options = {}) {
  const Comparison comparison = Compare(a, b, options);
  EXPECT_EQ(comparison.rows.size(), 1u);
  return comparison.rows.at(0);
}

Row PassRates(std::pair<int, int> a, std::pair<int, int> b, const CompareOptions& options = {}) {
  return OnlyRow({{kBaseline, Outcomes(a.first, a.second)}}, {{kBaseline, Outcomes(b.first, b.second)}}, options);
}

// ---- evidence -----------------------------------------------------------------------------------------------------

campaign::Run Finished(uint32_t cell, uint32_t attempt, Verdict verdict) {
  campaign::Run run;
  run.campaign_id = "c1";
  run.cell = cell;
  run.attempt = attempt;
  run.scenario = "baseline";
  run.profile = "small";
  run.accelerator = "kvm";
  run.state = campaign::RunState::kDone;
  run.verdict = verdict;
  run.latencies["timer_wakeup"].Record(1000 * cell);
  return run;
}

std::vector<bool> Outcomes(const std::vector<campaign::Run>& runs) {
  Evidence evidence;
  for (const campaign::Run& run : runs) evidence.Add(run);
  const Samples samples = evidence.ToSamples();
  std::vector<bool> outcomes;
  if (samples.empty()) return outcomes;
  EXPECT_EQ(samples.size(), 1u);
  for (const RunSample& sample : samples.at(kBaseline)) outcomes.push_back(sample.passed);
  return outcomes;
}

TEST(Evidence, CountsOnlyPassAndFail) {
  EXPECT_THAT(
      Outcomes({Finished(1, 1, Verdict::kPass), Finished(2, 1, Verdict::kFail), Finished(3, 1, Verdict::kError),
                Finished(4, 1, Verdict::kMiss), Finished(5, 1, Verdict::kSkip), Finished(6, 1, Verdict::kUnproven)}),
      ElementsAre(true, false));
  campaign::Run running = Finished(1, 1, Verdict::kPass);
  running.state = campaign::RunState::kFinishing;
  EXPECT_THAT(Outcomes(std::vector{running}), IsEmpty());
}

TEST(Evidence, CountsTheFirstAttemptThatDecides) {
  // Flaky: the failure counts although it was superseded. An error decides nothing, so its retry counts.
  campaign::Run first = Finished(1, 1, Verdict::kFail);
  first.superseded = true;
  const std::vector<campaign::Run> runs = {Finished(2, 1, Verdict::kError), Finished(2, 2, Verdict::kPass),
                                           Finished(1, 2, Verdict::kPass), first};
  EXPECT_THAT(Outcomes(runs), ElementsAre(false, true));
  EXPECT_THAT(Outcomes({runs.rbegin(), runs.rend()}), ElementsAre(false, true)) << "the order of runs does not matter";
}

TEST(Evidence, SeparatesConditionsAndCampaigns) {
  campaign::Run other = Finished(1, 1, Verdict::kPass);
  other.campaign_id = "c2";
  EXPECT_THAT(Outcomes({Finished(1, 1, Verdict::kPass), other}), ElementsAre(true, true));

  Evidence evidence;
  campaign::Run run = Finished(1, 1, Verdict::kPass);
  evidence.Add(run);
  run.cell = 2;
  run.emulated = true;
  evidence.Add(run);
  run.cell = 3;
  run.accelerator = "tcg";
  evidence.Add(run);
  EXPECT_EQ(evidence.ToSamples().size(), 3u);
}

TEST(Evidence, LeavesOutLatenciesIfTheVmWasPaused) {
  campaign::Run run = Finished(1, 1, Verdict::kFail);
  Evidence failed;
  failed.Add(run);
  EXPECT_EQ(failed.ToSamples().at(kBaseline).at(0).latencies.size(), 1u) << "latencies of failed runs count";
  run.paused_seconds = 0.5;
  Evidence paused;
  paused.Add(run);
  EXPECT_THAT(paused.ToSamples().at(kBaseline).at(0).latencies, IsEmpty());
}

// ---- pass rates ---------------------------------------------------------------------------------------------------

TEST(Compare, CallsAMutantWorseWithThreeRunsEach) {
  const Row row = PassRates({3, 0}, {0, 3});
  EXPECT_EQ(row.call, Call::kWorse);
  EXPECT_EQ(row.what, "pass_rate");
  EXPECT_NEAR(row.p, 1.0 / 32, 1e-9);
  EXPECT_EQ(row.adjusted_p, row.p);
  EXPECT_EQ(row.effect, -1);
  EXPECT_EQ(row.a.runs, 3u);
  EXPECT_EQ(row.a.value, 1);
  EXPECT_EQ(row.b.value, 0);
  EXPECT_NEAR(row.a.interval->low, 0.2924, 1e-4);  // 0.025^(1/3)
  EXPECT_LT(row.interval->high, 0);
  EXPECT_THAT(Lacks(row), IsEmpty());
  EXPECT_EQ(PassRates({0, 3}, {3, 0}).call, Call::kBetter);
}

TEST(Compare, SaysThatThereAreTooFewRuns) {
  const Row row = PassRates({3, 0}, {0, 3}, {.error_rate = 0.01});
  EXPECT_EQ(row.call, Call::kUndecided);
  EXPECT_FALSE(row.tested);
  EXPECT_EQ(row.adjusted_p, 1);
  EXPECT_EQ(row.least_runs, 4u);
  EXPECT_EQ(row.more_repeats, 1u);
  EXPECT_EQ(Lacks(row),
            "too few runs to decide (3 each, at least 4 each needed); 1 more repeat would be enough to decide, if the "
            "observed difference is real");
}

TEST(Compare, SaysHowManyMoreRepeatsAreNeeded) {
  const Row row = PassRates({10, 0}, {7, 3});
  EXPECT_EQ(row.call, Call::kUndecided);
  EXPECT_TRUE(row.tested);
  ASSERT_TRUE(row.more_repeats);
  EXPECT_GT(*row.more_repeats, 5u);
  EXPECT_LT(*row.more_repeats, 30u);
  EXPECT_THAT(Lacks(row), HasSubstr("more repeats would be enough to decide"));
  // The bigger the difference, the fewer repeats.
  EXPECT_LT(PassRates({10, 0}, {6, 4}, {.error_rate = 0.01}).more_repeats, row.more_repeats.value() + 10);
  // Not feasible: a difference that matters, but is too small for 200 runs to show.
  const Row close = PassRates({6, 3}, {5, 4});
  EXPECT_EQ(close.more_repeats, std::nullopt);
  EXPECT_EQ(Lacks(close), "no feasible number of repeats would be enough to decide");
}

TEST(Compare, CallsARowSameOnlyIfThatIsProven) {
  const Row few = PassRates({3, 0}, {3, 0});
  EXPECT_EQ(few.call, Call::kUndecided) << "seeing no difference proves nothing";
  EXPECT_EQ(few.more_repeats, 32u);  // see TrialsToBound
  EXPECT_EQ(PassRates({35, 0}, {35, 0}).call, Call::kSame);
  EXPECT_EQ(PassRates({34, 0}, {34, 0}).call, Call::kUndecided);
  EXPECT_EQ(PassRates({35, 0}, {35, 0}, {.pass_rate_margin = 0.05}).call, Call::kUndecided);
}

TEST(Compare, CallsARowSameIfTheDifferenceDoesNotMatter) {
  const CompareOptions wide{.pass_rate_margin = 0.5};
  EXPECT_EQ(PassRates({100, 0}, {85, 15}).call, Call::kWorse);
  EXPECT_EQ(PassRates({100, 0}, {85, 15}, wide).call, Call::kSame);
}

TEST(Compare, IsUndecidedWithoutRuns) {
  const Row row = OnlyRow({{kBaseline, Outcomes(3, 0)}}, {});
  EXPECT_EQ(row.call, Call::kUndecided);
  EXPECT_EQ(row.p, 1);
  EXPECT_EQ(row.effect, std::nullopt);
  EXPECT_EQ(row.interval, std::nullopt);
  EXPECT_EQ(row.more_repeats, std::nullopt);
  EXPECT_EQ(Lacks(row), "too few runs to decide (3 against 0, at least 3 each needed)");
  EXPECT_THAT(Compare({}, {}).rows, IsEmpty());
}

// ---- latencies ----------------------------------------------------------------------------------------------------

class CompareLatencies : public testing::Test {
 protected:
  Comparison Between(int runs, const Nature& a, const Nature& b, const CompareOptions& options = {}) {
    Dice dice(42);
    const Samples of_a = {{kBaseline, Draw(runs, a, {"timer_wakeup"}, dice)}};
    const Samples of_b = {{kBaseline, Draw(runs, b, {"timer_wakeup"}, dice)}};
    return Compare(of_a, of_b, options);
  }
};

TEST_F(CompareLatencies, CallsASlowerKernelWorse) {
  const Comparison comparison = Between(10, {}, {.median_ns = 200'000});
  ASSERT_THAT(comparison.rows,
              ElementsAre(Field(&Row::what, "pass_rate"),
                          AllOf(Field(&Row::what, "timer_wakeup_p50"), Field(&Row::call, Call::kWorse)),
                          AllOf(Field(&Row::what, "timer_wakeup_p99"), Field(&Row::call, Call::kWorse))));
  EXPECT_TRUE(comparison.AnyWorse());
  const Row& row = comparison.rows[1];
  EXPECT_EQ(row.delta, 1);
  EXPECT_NEAR(row.a.value, 1e-4, 2e-5);
  EXPECT_NEAR(*row.effect, 2, 0.3);
  EXPECT_LT(row.interval->low, *row.effect);
  EXPECT_GT(row.interval->high, *row.effect);
  EXPECT_GT(row.interval->low, 1.5);
  EXPECT_LT(row.p, row.adjusted_p);

  const Comparison back = Between(10, {.median_ns = 200'000}, {});
  EXPECT_FALSE(back.AnyWorse());
  EXPECT_EQ(back.rows[1].call, Call::kBetter);
}

TEST_F(CompareLatencies, CallsARowSameIfItIsWithinTheMargin) {
  const Nature steady{.between = 0.02, .latencies = 500};
  EXPECT_EQ(Between(12, steady, steady).rows[1].call, Call::kSame);
  const Row few = Between(5, steady, steady).rows[1];
  EXPECT_EQ(few.call, Call::kUndecided) << "too few runs for a meaningful interval";
  EXPECT_EQ(few.more_repeats, 1u);
}

TEST_F(CompareLatencies, SaysHowManyMoreRepeatsAreNeeded) {
  const Row wide = Between(8, {.between = 0.3}, {.between = 0.3}).rows[1];
  EXPECT_EQ(wide.call, Call::kUndecided);
  const Row few = Between(3, {}, {.median_ns = 200'000}).rows[1];
  EXPECT_FALSE(few.tested);
  EXPECT_EQ(few.call, Call::kUndecided);
  EXPECT_EQ(few.least_runs, 5u);  // 2/252 <= 0.05/3
  ASSERT_TRUE(few.more_repeats);
  EXPECT_GE(*few.more_repeats + 3, few.least_runs);
}

TEST_F(CompareLatencies, DoNotWeakenThePassRateIfUntested) {
  // Three values a side are too few for a rank-sum test, so latencies are not tested and do not weaken the test of the
  // pass rate.
  const Comparison comparison = Between(3, {.pass_rate = 1}, {.pass_rate = 0, .median_ns = 200'000});
  EXPECT_EQ(comparison.rows[0].call, Call::kWorse);
  EXPECT_FALSE(comparison.rows[1].tested);
}

TEST_F(CompareLatencies, HaveARowForEachRequestedPercentile) {
  EXPECT_THAT(Between(2, {}, {}, {.percentiles = {kP90, kMax}}).rows,
              ElementsAre(Field(&Row::what, "pass_rate"), Field(&Row::what, "timer_wakeup_p90"),
                          Field(&Row::what, "timer_wakeup_max")));
}

TEST_F(CompareLatencies, AreUndecidedIfOneSideLacksTheProbe) {
  Dice dice(1);
  const Comparison comparison =
      Compare({{kBaseline, Draw(8, {}, {"old"}, dice)}}, {{kBaseline, Draw(8, {}, {"new"}, dice)}});
  ASSERT_EQ(comparison.rows.size(), 5u);
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(comparison.rows[i].call, Call::kUndecided);
    EXPECT_EQ(comparison.rows[i].effect, std::nullopt);
    EXPECT_FALSE(comparison.rows[i].tested);
  }
}

// ---- whole comparisons --------------------------------------------------------------------------------------------

TEST(Compare, IsReversedIfTheSidesAreSwapped) {
  Dice dice(6);
  const std::vector<std::string> probes = {"x", "y"};
  for (int round = 0; round < 5; ++round) {
    const Samples a = {{kBaseline, Draw(9, {.pass_rate = 0.9}, probes, dice)}};
    const Samples b = {{kBaseline, Draw(9, {.pass_rate = 0.2, .median_ns = 130'000}, probes, dice)}};
    const Comparison there = Compare(a, b);
    const Comparison back = Compare(b, a);
    ASSERT_EQ(there.rows.size(), back.rows.size());
    for (size_t i = 0; i < there.rows.size(); ++i) {
      EXPECT_NEAR(there.rows[i].p, back.rows[i].p, 1e-9);
      EXPECT_NEAR(there.rows[i].adjusted_p, back.rows[i].adjusted_p, 1e-9);
      EXPECT_DOUBLE_EQ(there.rows[i].delta, -back.rows[i].delta);
      const bool called = there.rows[i].call == Call::kWorse || there.rows[i].call == Call::kBetter;
      if (called) {
        EXPECT_EQ(there.rows[i].call == Call::kWorse, back.rows[i].call == Call::kBetter);
      }
    }
  }
}

TEST(Compare, IsReproducibleAndDoesNotMixConditions) {
  Dice dice(8);
  Conditions emulated = kBaseline;
  emulated.emulated = true;
  const Samples a = {{kBaseline, Draw(7, {}, {"x"}, dice)}};
  const Samples b = {{kBaseline, Draw(7, {}, {"x"}, dice)}, {emulated, Outcomes(0, 7)}};
  const Comparison once = Compare(a, b);
  const Comparison again = Compare(a, b);
  ASSERT_EQ(once.rows.size(), 4u);
  EXPECT_EQ(once.rows[1].interval->low, again.rows[1].interval->low);
  EXPECT_EQ(once.rows[3].conditions, emulated);
  EXPECT_FALSE(once.AnyWorse()) << "emulated runs are compared only with emulated runs";
}

}  // namespace
}  // namespace lk::report
