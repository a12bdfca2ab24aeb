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

}  // namespace
}  // namespace lk::scheduler
