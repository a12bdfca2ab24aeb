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
  EXPECT_THAT(store_->Statistics()->rows, IsEmpty()) << "a run that is not done does not count";

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
              ElementsAre(Pair(RunStatistics::Verdict{"fail", true}, 1), Pair(RunStatistics::Verdict{"pass", false}, 1),
                          Pair(RunStatistics::Verdict{"pass", true}, 1)));
  EXPECT_THAT(row.findings, ElementsAre(Pair("soft_lockup", 2)));
  EXPECT_EQ(row.latencies.at("timer_wakeup").count(), 22u);
  EXPECT_EQ(row.last_finished, pass.finished);
}

TEST_P(StatisticsTest, FindingCountsAsSoonAsItIsCompleteEvenIfItsRunContinues) {
  campaign::Run run = SomeRun("c1-1");
  run.findings[0].open = true;
  Save(run);
  EXPECT_THAT(store_->Statistics()->rows, IsEmpty()) << "an open finding does not count: its title and kind may change";
  run.findings[0].open = false;
  run.findings[0].kind = detect::Kind::kHardLockup;
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hard_lockup", 1)));
  EXPECT_THAT(OnlyRow().verdicts, IsEmpty());
  run.findings[0].count = 9;  // the same finding was seen again
  Save(run);
  run.state = campaign::RunState::kDone;
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hard_lockup", 1)));
}

TEST_P(StatisticsTest, SeparatesControlsFromOtherRuns) {
  campaign::Run control = DoneRun("c1-1", Verdict::kFail);
  control.control = true;
  Save(control);
  Save(DoneRun("c1-2", Verdict::kFail));
  EXPECT_THAT(OnlyRow().verdicts, ElementsAre(Pair(RunStatistics::Verdict{"fail", true}, 2)));
  EXPECT_THAT(OnlyRow().controls, ElementsAre(Pair("fail", 1)));
  control.control = false;
  Save(control);
  EXPECT_THAT(OnlyRow().controls, ElementsAre(Pair("fail", 0)));
}

TEST_P(StatisticsTest, TheLastConclusiveCampaignDecidesTheStateOfAMutant) {
  const auto finish = [&](const std::string& id, campaign::CampaignState state, std::vector<Verdict> verdicts) {
    Change change;
    change.campaigns = {SomeCampaign(id)};
    change.campaigns[0].state = state;
    change.campaigns[0].verdict = Verdict::kPass;
    for (const Verdict verdict : verdicts) {
      campaign::Run& run = change.runs.emplace_back(DoneRun(id + "-" + std::to_string(change.runs.size()), verdict));
      run.control = true;
      if (verdict == Verdict::kFail) run.symptom = "invariant";
      run.unmutated = "k-base";
    }
    campaign::Run& sibling = change.runs.emplace_back(DoneRun(id + "-9", Verdict::kPass));
    sibling.kernel_id = "k-base";
    sibling.kernel_release = "6.12.1-base";
    sibling.sibling = true;
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
  EXPECT_THAT(mutants(*store_), ElementsAre("6.12.1-cloud baseline survived")) << "neither c3 nor c4 was conclusive";
  finish("c5", State::kFinished, {Verdict::kFail});
  EXPECT_THAT(mutants(*store_), ElementsAre("6.12.1-cloud baseline killed"));
  ASSERT_TRUE(store_->RemoveKernel("k0123456789ab").ok());
  EXPECT_THAT(mutants(*store_), IsEmpty());
}

TEST_P(StatisticsTest, FindingsNotHeldAgainstTheKernelDoNotCount) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  run.findings.resize(4, run.findings[0]);
  run.findings[0].tolerated = true;
  run.findings[1].distrust = "the VM was paused for 12s";
  run.findings[2].known = "fix is queued";
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("soft_lockup", 1)));
}

TEST_P(StatisticsTest, NumberOfFindingsNeverDecreases) {
  campaign::Run run = SomeRun("c1-1");
  run.findings.resize(3, run.findings[0]);
  run.findings[2].kind = detect::Kind::kHang;
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hang", 1), Pair("soft_lockup", 2)));
  run.findings[0].distrust = "the VM was paused for 12s";
  run.findings.erase(run.findings.begin() + 1);  // folded into another finding; the next one moves up
  Save(run);
  EXPECT_THAT(OnlyRow().findings, ElementsAre(Pair("hang", 1), Pair("soft_lockup", 2)));
}

TEST_P(StatisticsTest, RunSavedAgainCountsOnce) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  Save(run);
  run.superseded = true;
  Save(run);
  EXPECT_THAT(OnlyRow().verdicts, ElementsAre(Pair(RunStatistics::Verdict{"pass", true}, 1)));
  EXPECT_EQ(OnlyRow().latencies.at("timer_wakeup").count(), 11u);
  EXPECT_EQ(store_->Statistics()->console_bytes, 1000u);
}

TEST_P(StatisticsTest, ChangedVerdictMovesTheRun) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  Save(run);
  ASSERT_TRUE(store_->Statistics().ok());
  run.verdict = Verdict::kUnproven;
  run.console_bytes = 1500;
  Save(run);
  EXPECT_THAT(OnlyRow().verdicts, ElementsAre(Pair(RunStatistics::Verdict{"pass", true}, 0),
                                              Pair(RunStatistics::Verdict{"unproven", true}, 1)));
  EXPECT_EQ(store_->Statistics()->console_bytes, 1500u);
  EXPECT_EQ(OnlyRow().latencies.at("timer_wakeup").count(), 11u);
}

TEST_P(StatisticsTest, SurviveARestartAndAreSharedBetweenControllers) {
  Save(DoneRun("c1-1", Verdict::kPass));
  const auto other = Reopen();
  EXPECT_EQ(other->Statistics()->rows[0].verdicts.size(), 1u);
  Save(DoneRun("c1-2", Verdict::kPass));
  EXPECT_EQ((other->Statistics()->rows[0].verdicts.at({"pass", true})), 2u);
  EXPECT_EQ(other->Statistics()->rows[0].latencies.at("timer_wakeup").count(), 22u);
}

TEST_P(StatisticsTest, TitlesAreCountedLikeFindings) {
  campaign::Run run = SomeRun("c1-1");
  run.findings.resize(3, run.findings[0]);
  run.findings[1].title = "BUG: soft lockup in caf\u00e9\n" + std::string(200, 'x');
  run.findings[2].tolerated = true;
  Save(run);
  auto titles = OnlyRow().titles;
  ASSERT_EQ(titles.size(), 2u);
  EXPECT_EQ(titles.at({"soft_lockup", "BUG: soft lockup in do_idle"}).findings, 1u);
  const std::string other = titles.begin()->first.second;
  EXPECT_THAT(other, testing::StartsWith("BUG: soft lockup in caf___xx")) << "titles are made usable as labels";
  EXPECT_EQ(other.size(), 128u);
  const long long first = titles.begin()->second.first;

  campaign::Run next = SomeRun("c1-2");
  next.findings[0].title = "BUG: soft lockup in caf\u00e9\n" + std::string(200, 'x');
  next.findings.push_back(next.findings[0]);
  next.findings[1].title = "WARNING in new_one";
  Save(next);
  titles = OnlyRow().titles;
  EXPECT_EQ(titles.at({"soft_lockup", other}).findings, 2u);
  EXPECT_EQ(titles.at({"soft_lockup", other}).first, first);
  EXPECT_GT(titles.at({"soft_lockup", "WARNING in new_one"}).first, first);
  EXPECT_EQ(Reopen()->Statistics()->rows[0].titles.size(), 3u);
}

TEST_P(StatisticsTest, RunsOnAHarnessAreCountedByThemselves) {
  campaign::Run run = DoneRun("c1-1", Verdict::kPass);
  Save(run);
  run.id = "c1-2";
  run.harness = true;
  Save(run);
  EXPECT_TRUE(store_->GetRun("c1-2")->harness);
  const auto one_each = ElementsAre(Pair(RunStatistics::Verdict{"pass", true, false}, 1),
                                    Pair(RunStatistics::Verdict{"pass", true, true}, 1));
  EXPECT_THAT(OnlyRow().verdicts, one_each);
  EXPECT_THAT(Reopen()->Statistics()->rows[0].verdicts, one_each);
}

TEST_P(StatisticsTest, NamesTheRunThatFinishedLast) {
  const auto last = [this](const std::string& verdict) {
    const auto runs = OnlyRow().last_runs;
    const auto it = runs.find(verdict);
    return it == runs.end() ? "" : it->second.id;
  };
  campaign::Run newer = DoneRun("c1-1", Verdict::kPass);
  newer.finished += absl::Hours(1);
  newer.emulated = false;
  Save(newer);
  campaign::Run older = DoneRun("c1-2", Verdict::kPass);
  Save(older);
  Save(DoneRun("c1-3", Verdict::kFail));
  EXPECT_EQ(last("pass"), "c1-1");
  EXPECT_EQ(OnlyRow().last_runs.at("pass").finished, newer.finished);
  EXPECT_EQ(last("fail"), "c1-3");
  newer.verdict = Verdict::kUnproven;
  Save(newer);
  EXPECT_EQ(last("pass"), "c1-2");
  EXPECT_EQ(last("unproven"), "c1-1");
  older.verdict = Verdict::kUnproven;
  Save(older);
  EXPECT_EQ(last("pass"), "") << "no run with this verdict is left";
  EXPECT_EQ(last("unproven"), "c1-1");
}

TEST_P(StatisticsTest, KernelsAreSortedByReleaseAndHaveTheirTree) {
  const auto put = [this](const std::string& id, const std::string& release, campaign::Labels labels, int added) {
    campaign::KernelBuild kernel = SomeKernel(id, release);
    kernel.labels = std::move(labels);
    kernel.added = absl::FromUnixSeconds(added);
    ASSERT_TRUE(store_->PutKernel(kernel).ok());
  };
  put("k0123456789ab", "6.12.1-cloud", {}, 1);
  put("k1", "6.1.0-40-amd64", {{"tree", "stable"}}, 2);
  put("k2", "6.1.0-9-amd64", {{"tree", "stable"}}, 3);
  put("k3", "6.1.0-9-amd64", {{"tree", "next"}}, 4);
  put("k4", "6.12.1-mutant", {{"tree", "lab"}, {"mutant", "baseline"}}, 5);
  // As if they had been stored before these columns existed.
  Execute("UPDATE kernels SET arch = '', tree = '', mutant = ''");
  std::vector<std::string> words;
  const auto statistics = Reopen()->Statistics();
  for (const auto& kernel : statistics->kernels)
    words.push_back(kernel.release + " " + kernel.arch + " " + kernel.tree);
  EXPECT_THAT(words,
              ElementsAre("6.1.0-9-amd64 aarch64 next", "6.1.0-40-amd64 aarch64 stable", "6.12.1-cloud aarch64 "));
}

TEST_P(StatisticsTest, WorkIsSummedOverAllControllers) {
  Work more;
  more.agent_samples = 3;
  more.calls["apply"].Record(1000);
  ASSERT_TRUE(store_->Count(more).ok());
  ASSERT_TRUE(Reopen()->Count(more).ok());
  const Work work = store_->Statistics()->work;
  EXPECT_EQ(work.agent_samples, 6u);
  EXPECT_EQ(work.calls.at("apply").count(), 2u);
}

TEST_P(StoreTest, CampaignsArePushedOnce) {
  const auto unpushed = [this](absl::Time since) {
    std::vector<std::string> ids;
    const auto campaigns = store_->UnpushedCampaigns(since, 10);
    for (const auto& campaign : *campaigns) ids.push_back(campaign.id);
    return ids;
  };
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  Change change;
  for (const int hour : {3, 2, 1, 0}) {
    campaign::Campaign& campaign = change.campaigns.emplace_back(SomeCampaign("c" + std::to_string(hour)));
    campaign.finished = hour == 0 ? absl::InfinitePast() : now - absl::Hours(hour);
    campaign.state = hour == 0 ? campaign::CampaignState::kRunning : campaign::CampaignState::kFinished;
    if (hour == 1) campaign.state = campaign::CampaignState::kCancelled;
  }
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_THAT(unpushed(now - absl::Hours(2)), ElementsAre("c2", "c1"));
  ASSERT_TRUE(store_->MarkPushed("c2").ok());
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_THAT(unpushed(now - absl::Hours(9)), ElementsAre("c3", "c1"))
      << "storing the campaign again does not reset the mark";
}

TEST_P(StatisticsTest, RemovedKernelDisappears) {
  Save(DoneRun("c1-1", Verdict::kPass));
  ASSERT_TRUE(store_->RemoveKernel("k0123456789ab").ok());
  EXPECT_THAT(store_->Statistics()->rows, IsEmpty());
  EXPECT_EQ(store_->Statistics()->console_bytes, 1000u) << "totals without a kernel never decrease";
  ASSERT_TRUE(store_->PutKernel(SomeKernel("kother", "6.12.1-cloud")).ok());
  EXPECT_EQ(store_->Statistics()->rows.size(), 1u);
}

}  // namespace
}  // namespace lk::store
