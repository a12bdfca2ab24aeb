// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/store/conformance.h"

namespace lk::store {
namespace {

using campaign::Verdict;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST_P(StatisticsTest, SumsFinishedRuns) {
  campaign::Run running = SomeRun("c1-1");
  running.findings.clear();
  Save(running);
  EXPECT_THAT(store_->Statistics()->rows, IsEmpty()) << "a run counts when it is done";

  campaign::Run fail = DoneRun("c1-2", Verdict::kFail);
  fail.findings.push_back(fail.findings[0]);
  fail.findings.push_back(fail.findings[0]);
  fail.findings[2].tolerated = true;
  fail.superseded = true;
  Save(fail);
  campaign::Run pass = DoneRun("c1-1", Verdict::kPass);
  pass.findings.clear();
  pass.finished += absl::Hours(1);
  Save(pass);
  campaign::Run native = DoneRun("c1-3", Verdict::kPass);
  native.emulated = false;
  native.findings.clear();
  native.latencies.clear();
  Save(native);

  const RunStatistics statistics = store_->Statistics().value();
  EXPECT_EQ(statistics.console_bytes, 3000u);
  ASSERT_EQ(statistics.phases.size(), 1u);
  EXPECT_EQ(statistics.phases.at("boot").count(), 3u);
  EXPECT_EQ(statistics.phases.at("boot").sum_ns(), 7'500'000'000u);
  const RunStatistics::Row row = OnlyRow();
  EXPECT_EQ(row.key, (RunStatistics::Key{"6.12.1-cloud", "aarch64", "small", "baseline"}));
  EXPECT_THAT(row.verdicts,
              ElementsAre(Pair(Pair("fail", true), 1), Pair(Pair("pass", false), 1), Pair(Pair("pass", true), 1)));
  EXPECT_THAT(row.findings, ElementsAre(Pair("soft_lockup", 2)));
  EXPECT_EQ(row.latencies.at("timer_wakeup")->count(), 22u);
  EXPECT_EQ(row.last_finished, pass.finished);
}

TEST_P(StatisticsTest, FindingCountsOnceItIsWholeWhileItsRunGoesOn) {
  campaign::Run run = SomeRun("c1-1");
  run.findings[0].open = true;
  Save(run);
  EXPECT_THAT(store_->Statistics()->rows, IsEmpty()) << "its title and kind may change";
  run.findings[0].open = false;
  run.findings[0].kind = detect::Kind::kHardLockup;
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hard_lockup", 1)));
  EXPECT_THAT(OnlyRow().verdicts, IsEmpty());
  run.findings[0].count = 9;  // seen again: the same finding
  Save(run);
  run.state = campaign::RunState::kDone;
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hard_lockup", 1)));
}

TEST_P(StatisticsTest, TellsControlsFromTheOtherRuns) {
  campaign::Run control = DoneRun("c1-1", Verdict::kFail);
  control.control = true;
  Save(control);
  Save(DoneRun("c1-2", Verdict::kFail));
  EXPECT_THAT(OnlyRow().verdicts, ElementsAre(Pair(Pair("fail", true), 2)));
  EXPECT_THAT(OnlyRow().controls, ElementsAre(Pair("fail", 1)));
  control.control = false;
  Save(control);
  EXPECT_THAT(OnlyRow().controls, ElementsAre(Pair("fail", 0)));
}

TEST_P(StatisticsTest, TheLastFinishedCampaignDecidesOverAMutant) {
  const auto finish = [&](const std::string& id, campaign::CampaignState state, std::vector<Verdict> verdicts) {
    Change change;
    change.campaigns = {SomeCampaign(id)};
    change.campaigns[0].state = state;
    change.campaigns[0].verdict = Verdict::kPass;
    for (const Verdict verdict : verdicts) {
      campaign::Run& run = change.runs.emplace_back(DoneRun(id + "-" + std::to_string(change.runs.size()), verdict));
      run.control = true;
    }
    ASSERT_TRUE(store_->Apply(change).ok());
  };
  const auto mutants = [](Store& store) {
    std::vector<std::string> words;
    const auto statistics = store.Statistics();
    for (const auto& mutant : statistics->mutants) {
      words.push_back(mutant.kernel + " " + mutant.scenario + " " + mutant.state);
    }
    return words;
  };
  using State = campaign::CampaignState;
  finish("c1", State::kRunning, {Verdict::kFail});
  EXPECT_THAT(mutants(*store_), IsEmpty());
  finish("c1", State::kFinished, {Verdict::kFail, Verdict::kFail});
  EXPECT_THAT(mutants(*store_), ElementsAre("6.12.1-cloud baseline killed"));
  finish("c2", State::kFinished, {Verdict::kFail, Verdict::kPass});
  EXPECT_THAT(mutants(*Reopen()), ElementsAre("6.12.1-cloud baseline survived"));
  finish("c3", State::kCancelled, {Verdict::kFail});
  finish("c4", State::kFinished, {Verdict::kError});
  EXPECT_THAT(mutants(*store_), ElementsAre("6.12.1-cloud baseline survived")) << "neither decided anything";
  finish("c5", State::kFinished, {Verdict::kFail});
  EXPECT_THAT(mutants(*store_), ElementsAre("6.12.1-cloud baseline killed"));
  ASSERT_TRUE(store_->RemoveKernel("k0123456789ab").ok());
  EXPECT_THAT(mutants(*store_), IsEmpty());
}

TEST_P(StatisticsTest, FindingsNotHeldAgainstTheKernelDoNotCount) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  run.findings.resize(3, run.findings[0]);
  run.findings[0].tolerated = true;
  run.findings[1].distrust = "the VM was paused for 12s";
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("soft_lockup", 1)));
}

TEST_P(StatisticsTest, CountOfFindingsNeverFalls) {
  campaign::Run run = SomeRun("c1-1");
  run.findings.resize(3, run.findings[0]);
  run.findings[2].kind = detect::Kind::kHang;
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hang", 1), Pair("soft_lockup", 2)));
  run.findings[0].distrust = "the VM was paused for 12s";
  run.findings.erase(run.findings.begin() + 1);  // belonged to another; the one behind it moves up
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hang", 1), Pair("soft_lockup", 2)));
}

TEST_P(StatisticsTest, RunSavedAgainCountsOnce) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  Save(run);
  run.superseded = true;
  Save(run);
  EXPECT_THAT(OnlyRow().verdicts, ElementsAre(Pair(Pair("pass", true), 1)));
  EXPECT_EQ(OnlyRow().latencies.at("timer_wakeup")->count(), 11u);
  EXPECT_EQ(store_->Statistics()->console_bytes, 1000u);
}

TEST_P(StatisticsTest, RunJudgedAnewMovesOver) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  Save(run);
  ASSERT_TRUE(store_->Statistics().ok());
  run.verdict = Verdict::kUnproven;
  run.console_bytes = 1500;
  Save(run);
  EXPECT_THAT(OnlyRow().verdicts, ElementsAre(Pair(Pair("pass", true), 0), Pair(Pair("unproven", true), 1)));
  EXPECT_EQ(store_->Statistics()->console_bytes, 1500u);
  EXPECT_EQ(OnlyRow().latencies.at("timer_wakeup")->count(), 11u);
}

TEST_P(StatisticsTest, OutliveARestartAndAreSharedBetweenControllers) {
  Save(DoneRun("c1-1", Verdict::kPass));
  const auto other = Reopen();
  EXPECT_EQ(other->Statistics()->rows[0].verdicts.size(), 1u);
  Save(DoneRun("c1-2", Verdict::kPass));
  EXPECT_EQ((other->Statistics()->rows[0].verdicts.at({"pass", true})), 2u);
  EXPECT_EQ(other->Statistics()->rows[0].latencies.at("timer_wakeup")->count(), 22u);
}

TEST_P(StatisticsTest, RemovedKernelLeaves) {
  Save(DoneRun("c1-1", Verdict::kPass));
  ASSERT_TRUE(store_->RemoveKernel("k0123456789ab").ok());
  EXPECT_THAT(store_->Statistics()->rows, IsEmpty());
  EXPECT_EQ(store_->Statistics()->console_bytes, 1000u) << "totals without a kernel never fall";
  ASSERT_TRUE(store_->PutKernel(SomeKernel("kother", "6.12.1-cloud")).ok());
  EXPECT_EQ(store_->Statistics()->rows.size(), 1u);
}

}  // namespace
}  // namespace lk::store
