// SPDX-License-Identifier: Apache-2.0
// Pauses, which suspend the timers and may cause stalls that are not held against the kernel; and steal time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::Blame;
using campaign::Verdict;
using detect::Kind;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CampaignAdded TwoMinutes() {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.scenarios[0].duration = absl::Minutes(2);
  return added;
}

TEST(Pause, SuspendsAllTimers) {
  World world;
  world.ToRunning(TwoMinutes());
  Beat(world, absl::Seconds(20), true);
  world.Step(VmPaused{"c-1", false, "user"});
  EXPECT_THAT(world.After(absl::Seconds(55)), IsEmpty());
  world.Step(VmResumed{"c-1"});
  EXPECT_NEAR(world.run().paused_seconds, 55, 0.01);
  EXPECT_THAT(world.After(absl::Seconds(29)), IsEmpty()) << "resuming the VM resets the timers";
  EXPECT_THAT(world.After(absl::Seconds(2)), Contains("post-mortem c-1 registers"));
}

TEST(Pause, DoesNotCountAsTriggerTime) {
  World world;
  world.ToRunning(WithoutRetries());  // 20 s plus 10 s of grace
  Beat(world, absl::Seconds(10), true);
  world.Step(VmPaused{"c-1", false, "user"});
  world.After(absl::Seconds(40));
  world.Step(VmResumed{"c-1"});
  EXPECT_THAT(Beat(world, absl::Seconds(18), true), Not(Contains("cancel c-1")));
  EXPECT_THAT(Beat(world, absl::Seconds(4), true), Contains("cancel c-1"));
}

TEST(Pause, DoesNotCountAsBootTime) {
  World world;
  world.Step(WithoutRetries());
  world.Step(VmStarted{"c-1", 0});
  world.now += absl::Seconds(30);
  world.Step(VmPaused{"c-1", false, "user"});
  EXPECT_THAT(world.After(absl::Seconds(50)), IsEmpty());
  world.Step(VmResumed{"c-1"});
  EXPECT_THAT(world.After(absl::Seconds(29)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(2)), Contains("post-mortem c-1 registers"));
}

TEST(Pause, ThatIsTooLongMeansALostVm) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(VmPaused{"c-1", false, "user"});
  EXPECT_THAT(world.After(absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(2)), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
  EXPECT_EQ(world.run().reason, "VM lost: paused for 60.0s");
}

TEST(Pause, OnItsOwnIsAVmCrash) {
  World world;
  world.ToRunning(WithoutRetries());
  EXPECT_THAT(world.Step(VmPaused{"c-1", true, "I/O error"}), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
  EXPECT_THAT(world.run().reason, HasSubstr("VM paused on its own: I/O error"));
  EXPECT_EQ(world.run().findings.at(0).kind, Kind::kVmCrash);
}

TEST(Pause, AfterAPanicIsNotAFinding) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(ReportBegan{"c-1", Panic()});
  world.Step(VmPaused{"c-1", true, "crashed"});
  world.Step(ReportSeen{"c-1", Panic()});
  world.After(absl::Seconds(3));
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
  EXPECT_EQ(world.run().findings.size(), 1u);
}

TEST(Pause, StallsShortlyAfterItAreNotTrusted) {
  const auto run = [](absl::Duration after) {
    World world;
    world.ToRunning(TwoMinutes());
    world.BringCanary();
    world.Step(VmPaused{"c-1", false, "user"});
    world.After(absl::Seconds(12));
    world.Step(VmResumed{"c-1"});
    Beat(world, after, true);
    world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
    world.Said("c-1", AgentDone{"ok", "", 5, {}});
    world.Gone();
    return world.run();
  };
  const campaign::Run close = run(absl::Seconds(9));
  EXPECT_EQ(close.verdict, Verdict::kUnproven);
  EXPECT_EQ(close.blame, Blame::kInfrastructure);
  EXPECT_EQ(close.reason, "BUG: soft lockup in f is not trusted: the VM was paused for 12.0s");
  EXPECT_EQ(run(absl::Seconds(11)).verdict, Verdict::kFail);
}

TEST(Pause, OtherFindingsAreTrusted) {
  World world;
  world.ToRunning(TwoMinutes());
  world.Step(VmPaused{"c-1", false, "user"});
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  world.Step(ReportSeen{"c-1", Report(Kind::kOops, "BUG: unable to handle page fault in g", 500)});
  EXPECT_THAT(world.run().findings.at(0).distrust, HasSubstr("paused"));
  EXPECT_EQ(world.run().findings.at(1).distrust, "");
}

TEST(Steal, TheMaximumIsKept) {
  World world;
  world.ToRunning();
  world.Said("c-1", Heartbeat{1, "", {absl::Seconds(3)}});
  world.Said("c-1", Heartbeat{2, "", {absl::Seconds(2)}});  // a new boot counts from zero
  EXPECT_EQ(world.run().steal_seconds, 3);
}

}  // namespace
}  // namespace lk::scheduler
