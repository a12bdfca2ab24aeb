// SPDX-License-Identifier: Apache-2.0
// How runs end when something fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::Blame;
using campaign::CampaignState;
using campaign::RunState;
using campaign::Verdict;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// ---- protocol violations by agents -------------------------------------------------------------

TEST(Failure, AnAgentThatBreaksTheRulesEndsItsRun) {
  World world;
  world.ToRunning(WithoutRetries());
  world.BringCanary();
  EXPECT_THAT(world.Step(AgentMisbehaved{"c-1", 7, "not the current session"}), IsEmpty());
  EXPECT_THAT(world.Step(AgentMisbehaved{"c-1", 1, "the scenario does not declare attach_dimm"}),
              ElementsAre("save c-1 finishing", "drop c-1/1", "flush c-1", "destroy c-1"));
  EXPECT_THAT(world.Said("c-1", AgentDone{"ok", "", 9, {}}), IsEmpty())
      << "further messages from the agent are ignored";
  EXPECT_THAT(world.Gone(), Contains("save c-1 done error"));
  EXPECT_EQ(world.run().blame, Blame::kTest);
  EXPECT_EQ(world.run().reason, "the agent violated the protocol: the scenario does not declare attach_dimm");
}

TEST(Failure, KernelFindingsFromBeforeAViolationCount) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(ReportSeen{"c-1", Report(detect::Kind::kSoftLockup, "BUG: soft lockup in spin")});
  world.Step(AgentMisbehaved{"c-1", 1, "too many messages per second"});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done fail"));
}

TEST(Failure, TheTimeForAnAnnouncedRebootIsLimited) {
  World world;
  world.ToRunning();
  world.Said("c-1", RebootAnnounced{"forever", absl::InfiniteDuration()});
  EXPECT_LE(world.run().reboot_until, world.now + absl::Minutes(30));
  world.Said("c-1", RebootAnnounced{"in the past", -absl::InfiniteDuration()});
  EXPECT_EQ(world.run().reboot_until, world.now);
}

// ---- failures of the guest ---------------------------------------------------------------------

TEST(Failure, APanicEndsInFailWithinSeconds) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(ReportBegan{"c-1", Panic()});
  world.now += absl::Seconds(1);
  world.Step(ConsoleBytes{"c-1", 4000});
  EXPECT_THAT(world.After(absl::Milliseconds(1900)), IsEmpty());
  EXPECT_THAT(world.After(absl::Milliseconds(200)), ElementsAre("save c-1 finishing", "flush c-1", "destroy c-1"));
  world.Step(ReportSeen{"c-1", Panic("sysrq triggered crash")});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done fail"));
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().blame, Blame::kKernel);
  EXPECT_EQ(world.run().console_bytes, 4000u);
}

TEST(Failure, ARunEndsEvenIfItsPanicKeepsPrinting) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(ReportBegan{"c-1", Panic()});
  World::Lines lines;
  for (uint64_t i = 1; i <= 32; ++i) {
    world.Step(ConsoleBytes{"c-1", i});
    for (std::string& line : world.After(absl::Milliseconds(500))) lines.push_back(std::move(line));
  }
  EXPECT_THAT(lines, Contains("destroy c-1"));
}

TEST(Failure, APanicThatOnlyTheHypervisorSawIsAFinding) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmPanicked{"c-1"});
  world.Step(VmGone{"c-1", VmGone::How::kCrashed, ""});
  EXPECT_THAT(world.After(absl::Seconds(6)), Contains("save c-1 done fail"));
  EXPECT_THAT(world.run().findings.at(0).witnesses, ElementsAre("hypervisor"));
}

TEST(Failure, AReportIsClosedAfterSilence) {
  World world;
  world.ToRunning();
  world.Step(ReportBegan{"c-1", Report(detect::Kind::kSoftLockup, "BUG: soft lockup")});
  EXPECT_THAT(world.After(absl::Milliseconds(2900)), IsEmpty());
  EXPECT_THAT(world.After(absl::Milliseconds(200)), ElementsAre("flush c-1"));
}

TEST(Failure, AnAgentThatDoesNotReconnectIsAnError) {
  World world;
  world.ToRunning(WithoutRetries());
  Beat(world, absl::Seconds(5), true);
  world.Step(AgentDisconnected{"c-1", 1});
  EXPECT_THAT(world.After(absl::Seconds(9)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(2)), ElementsAre("save c-1 finishing", "flush c-1", "destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done error"));
  EXPECT_EQ(world.run().blame, Blame::kTest);
  EXPECT_THAT(world.run().reason, HasSubstr("did not reconnect within 10.0s; the console was silent"));
}

TEST(Failure, ATriggerOverItsTimeLimitIsToldToStopBeforeItsVmIsDestroyed) {
  World world;
  world.ToRunning(WithoutRetries());
  const auto asked = Beat(world, absl::Seconds(31), true);
  EXPECT_THAT(asked, Contains("cancel c-1"));
  EXPECT_THAT(asked, Not(Contains("destroy c-1")));
  EXPECT_THAT(Beat(world, absl::Seconds(11), true), Contains("destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done error"));
  EXPECT_THAT(world.run().reason, HasSubstr("over the time limit"));
}

TEST(Failure, TimeoutsAreLongerUnderEmulation) {
  Host host = MakeHost("h1");
  host.accelerator = "tcg";
  World world({host});
  world.Step(WithoutRetries());
  world.Step(VmStarted{"c-1", 0});
  EXPECT_EQ(world.run().accelerator, "tcg");
  EXPECT_THAT(world.run().cmdline, HasSubstr("watchdog_thresh=9 "));
  EXPECT_THAT(world.After(absl::Seconds(179)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(2)), Contains("post-mortem c-1 registers"));
}

// ---- failures of the host ----------------------------------------------------------------------

TEST(Failure, AKilledVmIsAnErrorAndItsRunIsRetried) {
  World world;
  world.ToRunning();
  EXPECT_THAT(world.Gone(VmGone::How::kCrashed),
              ElementsAre("save c-1 finishing", "save c-1 done error", "save c-1.2 preparing", "release c-1",
                          "start c-1.2 on h1"));
  EXPECT_TRUE(world.run().superseded);
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
}

TEST(Failure, AFailIsRetriedButNeverReplaced) {
  World world;
  CampaignAdded added = MakeCampaign("c", 1);
  added.campaign.spec.retries_fail = 1;
  world.ToRunning(added);
  world.Step(VmPanicked{"c-1"});
  EXPECT_THAT(world.Gone(VmGone::How::kCrashed), Contains("start c-1.2 on h1"));
  EXPECT_FALSE(world.run().superseded);
  world.Step(VmStarted{"c-1.2", 1});
  world.Step(VmPanicked{"c-1.2"});
  world.Step(VmGone{"c-1.2", VmGone::How::kCrashed, ""});
  EXPECT_THAT(world.Step(ConsoleEnded{"c-1.2"}),
              ElementsAre("save c-1.2 done fail", "save c finished", "release c-1.2"));
}

TEST(Failure, AVmThatIsLostDuringItsLaunchIsDestroyedAfterTheLaunch) {
  World world;
  world.Step(WithoutRetries());
  EXPECT_THAT(world.Step(VmGone{"c-1", VmGone::How::kHostLost, ""}), Contains("destroy c-1"));
  EXPECT_THAT(world.Step(VmStarted{"c-1", 1}), ElementsAre("save c-1 finishing"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done error"));
}

TEST(Failure, APreparationThatTakesTooLongIsAMiss) {
  World world;
  world.Step(WithoutRetries());
  EXPECT_THAT(world.After(absl::Minutes(5)), Contains("destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done miss"));
}

// ---- cancelled, overdue and skipped campaigns --------------------------------------------------

TEST(Campaign, CancelEndsEverything) {
  World world({MakeHost("h1", 2)});
  world.ToRunning(MakeCampaign("c", 2));
  EXPECT_THAT(world.Step(CampaignCancelled{"c"}),
              ElementsAre("save c-1 finishing", "save c-2 done skip", "cancel c-1"));
  EXPECT_EQ(world.run("c-2").reason, "cancelled");
  EXPECT_THAT(world.Said("c-1", AgentDone{"ok", "", 1, {}}), Contains("destroy c-1"));
  EXPECT_THAT(world.Gone(), ElementsAre("save c-1 finishing", "save c-1 done skip", "save c cancelled", "release c-1"));
}

TEST(Campaign, CancelDoesNotWaitLongForTheAgent) {
  World world;
  world.ToRunning();
  world.Step(CampaignCancelled{"c"});
  EXPECT_THAT(world.After(absl::Seconds(5)), Contains("destroy c-1"));
}

TEST(Campaign, DeadlineEndsOnlyQueuedRuns) {
  World world({MakeHost("h1", 2)});
  CampaignAdded added = MakeCampaign("c", 2);
  added.campaign.spec.deadline = absl::Seconds(15);
  world.ToRunning(added);
  EXPECT_THAT(world.After(absl::Seconds(15)), ElementsAre("save c-2 done miss"));
  EXPECT_THAT(world.run("c-2").reason, HasSubstr("campaign deadline"));
  EXPECT_EQ(world.core.Find("c-1")->state, RunState::kRunning);
}

TEST(Campaign, RunsThatAreDoneFromTheStartAreKept) {
  World world;
  CampaignAdded added = MakeCampaign("c", 1);
  added.runs[0].state = RunState::kDone;
  added.runs[0].verdict = Verdict::kSkip;
  EXPECT_THAT(world.Step(added), ElementsAre("save c finished", "save c-1 done skip"));
  EXPECT_EQ(world.campaigns.at("c").verdict, Verdict::kSkip);
}

}  // namespace
}  // namespace lk::scheduler
