// SPDX-License-Identifier: Apache-2.0
// Findings with several witnesses, and findings that are announced before they are complete.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::Blame;
using campaign::Verdict;
using detect::Kind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Live, AReportIsAnnouncedImmediatelyAndAgainWhenItIsComplete) {
  World world;
  world.ToRunning();
  EXPECT_THAT(world.Step(ReportBegan{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup")}),
              ElementsAre("save c-1 running"));
  EXPECT_THAT(world.announced, ElementsAre("open: BUG: soft lockup"));
  EXPECT_THAT(world.run().findings, IsEmpty());
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  EXPECT_THAT(world.announced, ElementsAre("open: BUG: soft lockup", "BUG: soft lockup in f"));
  EXPECT_EQ(world.run().findings.size(), 1u);
}

TEST(Live, AnOpenReportThatIsFoldedIsClosedForWatchersToo) {
  World world;
  world.ToRunning();
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f", 100)});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f", 400)});
  EXPECT_THAT(world.announced, ElementsAre("BUG: soft lockup in f"))
      << "a folded report is announced only if it was announced as open";
  world.Step(ReportBegan{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup", 700)});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f", 700)});
  EXPECT_THAT(world.announced, ElementsAre("BUG: soft lockup in f", "open: BUG: soft lockup", "BUG: soft lockup in f"));
  EXPECT_EQ(world.run().findings.at(0).count, 3u);
}

TEST(Live, AConsoleLogThatIsReadAgainAnnouncesNothing) {
  World world;
  world.ToRunning();
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  world.Step(ReportBegan{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup")});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  EXPECT_THAT(world.announced, ElementsAre("BUG: soft lockup in f"));
}

TEST(Witness, AKernelCounterSuffices) {
  World world;
  world.ToRunning(WithoutRetries());
  world.BringCanary();
  Finding counted = Report(Kind::kSoftLockup, "soft lockup counted by the kernel");
  counted.start_offset = counted.end_offset = 0;
  counted.counted = true;
  world.Said("c-1", GuestFinding{counted});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
  EXPECT_THAT(world.run().findings.at(0).witnesses, ElementsAre("agent"));
}

TEST(Witness, TheWatchdogDeviceConfirmsALockup) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmWatchdogFired{"c-1", "none"});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].title, "BUG: soft lockup in f");
  EXPECT_THAT(world.run().findings[0].witnesses, ElementsAre("console", "hypervisor"));
}

TEST(Witness, TheHypervisorWitnessesAVmCrash) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmGone{"c-1", VmGone::How::kCrashed, "failed"});
  world.Step(ConsoleEnded{"c-1"});
  EXPECT_EQ(world.run().reason, "VM crashed: failed (seen by: hypervisor)");
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
}

TEST(Witness, ANewBootIdConfirmsARebootSeenOnTheConsole) {
  World world;
  world.ToRunning();
  world.Step(ReportSeen{"c-1", Report(Kind::kUnexpectedReboot, "unexpected reboot")});
  world.Connect("boot-2");
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_THAT(world.run().findings[0].witnesses, ElementsAre("console", "agent"));
}

TEST(Witness, TheKernelIsNotBlamedForADeadAgent) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmPanicked{"c-1"});
  world.Step(ReportSeen{"c-1", Panic("Attempted to kill init!")});
  EXPECT_THAT(world.After(absl::Seconds(3)), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().blame, Blame::kTest);
}

TEST(Known, IsDecidedByTheDayOnWhichTheRunStarts) {
  const absl::CivilDay day(2027, 1, 15);
  for (const bool ended : {false, true}) {
    CampaignAdded added = WithoutRetries();
    added.campaign.spec.known = known::List({{"WARNING in f", std::nullopt, "fix is queued", ended ? day - 1 : day}});
    World world;
    world.now = added.campaign.created = absl::FromCivil(day + 1, absl::UTCTimeZone()) - absl::Seconds(5);
    world.ToRunning(added);
    world.BringCanary();
    Beat(world, absl::Seconds(10), true);
    world.Step(ReportSeen{"c-1", Report(Kind::kWarning, "WARNING in f")});
    world.Said("c-1", AgentDone{"ok", "", 5, {}});
    EXPECT_THAT(world.Gone(), Contains(ended ? "save c-1 done fail" : "save c-1 done pass"));
    ASSERT_EQ(world.run().findings.size(), 1u);
    EXPECT_EQ(world.run().findings[0].known, ended ? "" : "fix is queued");
  }
}

TEST(Known, SurvivesARestart) {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.known =
      known::List({{"WARNING in f", std::nullopt, "fix is queued", absl::CivilDay(2027, 1, 15)}});
  World old;
  old.ToRunning(added);
  old.BringCanary();
  Restarted world(old);
  world.Step(VmReattached{"c-1"});
  world.Connect("boot-1");
  world.Step(ReportSeen{"c-1", Report(Kind::kWarning, "WARNING in f")});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done pass"));
  EXPECT_THAT(world.run().reason, HasSubstr("known: WARNING in f (fix is queued)"));
}

}  // namespace
}  // namespace lk::scheduler
