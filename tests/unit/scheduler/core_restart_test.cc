// SPDX-License-Identifier: Apache-2.0
// What survives a restart of lkd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::Verdict;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Stage = campaign::PostMortemStep::Step;

TEST(Restart, ARunContinuesWhereItLeftOff) {
  World old;
  old.ToRunning();
  old.BringCanary();
  Restarted world(old);
  EXPECT_EQ(world.core.Allocated().at("h1").first, 2u);
  EXPECT_THAT(world.Step(VmReattached{"c-1"}), ElementsAre("save c-1 running"));
  EXPECT_THAT(world.Connect("boot-1"), ElementsAre("save c-1 running", "lease c-1/1"));
  EXPECT_THAT(world.Step(AgentSaid{"c-1", 1, 1, CanaryWritten{}}), ElementsAre("ack c-1/1 1"))
      << "a message that was stored before the restart is only acknowledged";
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done pass"));
}

TEST(Restart, TheAgentIsGivenTimeToReconnect) {
  World old;
  old.ToRunning();
  Restarted world(old);
  world.Step(VmReattached{"c-1"});
  EXPECT_THAT(world.After(absl::Seconds(9)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(2)), Contains("destroy c-1"));
}

TEST(Restart, ARunWhoseVmIsGoneIsRetried) {
  World old;
  old.ToRunning();
  Restarted world(old);
  EXPECT_THAT(world.Gone(VmGone::How::kMissing), Contains("start c-1.2 on h1"));
}

TEST(Restart, TheAgentsLastMessageIsNotForgotten) {
  World old;
  old.ToRunning();
  old.BringCanary();
  old.Said("c-1", AgentDone{"ok", "all: of it", 5, {}});
  Restarted world(old);
  EXPECT_THAT(world.Gone(VmGone::How::kMissing), Contains("save c-1 done pass"));
}

TEST(Restart, ACancelledCampaignStaysCancelled) {
  World old({MakeHost("h1", 2)});
  old.ToRunning(MakeCampaign("c", 2));
  old.Step(CampaignCancelled{"c"});
  Restarted world(old);
  EXPECT_THAT(world.Step(VmReattached{"c-1"}), Contains("destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c cancelled"));
}

TEST(Restart, AVmThatIsNotFoundIsEventuallyDestroyed) {
  World old;
  old.ToRunning();
  Restarted world(old);
  EXPECT_THAT(world.After(absl::Minutes(5)), Contains("destroy c-1"));
}

TEST(Restart, AStallIsAsTrustedAsBefore) {
  const auto replayed = [](absl::Duration lost) {
    World old;
    old.ToRunning();
    old.Step(VcpuDelays{"c-1", old.now, {absl::ZeroDuration()}});
    old.After(absl::Seconds(7));
    Finding lockup = Report(detect::Kind::kSoftLockup, "BUG: soft lockup in f");
    lockup.seconds_stuck = 7;
    old.Step(ReportSeen{"c-1", lockup});
    if (lost != absl::InfiniteDuration()) old.Step(VcpuDelays{"c-1", old.now, {lost}});
    Restarted world(old);
    world.Step(VmReattached{"c-1"});
    world.Step(ReportBegan{"c-1", lockup});
    world.Step(ReportSeen{"c-1", lockup});
    world.Step(VcpuDelays{"c-1", world.now, {absl::ZeroDuration()}});
    world.Gone(VmGone::How::kCrashed);
    EXPECT_EQ(world.run().findings.at(0).count, 1u);
    return world.run().findings.at(0).distrust;
  };
  EXPECT_EQ(replayed(absl::ZeroDuration()), "");
  EXPECT_EQ(replayed(absl::Seconds(7)), "the host gave vCPU 0 no CPU time for 7.00s of 7.00s");
  EXPECT_EQ(replayed(absl::InfiniteDuration()), "lkd was restarted before the CPU time of its vCPUs was known");
}

// ---- in the middle of a post-mortem ------------------------------------------------------------

// Runs until the registers have been read and the NMI has been requested.
void ToNmi(World& world) {
  CampaignAdded added = WithoutRetries();
  added.campaign.spec.scenarios[0].duration = absl::Minutes(5);
  world.ToRunning(added);
  world.After(absl::Seconds(31));
  world.PostMortem(Stage::kRegisters, true, true);
}

TEST(Restart, TheRemainingPostMortemStepsAreSkipped) {
  World old;
  ToNmi(old);
  Restarted world(old);
  EXPECT_THAT(world.Step(VmReattached{"c-1"}), ElementsAre("save c-1 finishing", "flush c-1", "destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump skipped, destroy done");
  EXPECT_EQ(world.run().post_mortem[3].detail, "lkd was restarted");
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
}

TEST(Restart, ThePanicCausedByTheNmiIsNotLost) {
  World old;
  ToNmi(old);
  Restarted world(old);
  world.Step(ReportBegan{"c-1", NmiPanic()});
  world.Step(ReportSeen{"c-1", NmiPanic()});
  world.Gone(VmGone::How::kMissing);
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump skipped, destroy skipped");
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].start_offset, 5000u);
}

TEST(Restart, ADestroyInProgressIsRetried) {
  World old;
  ToNmi(old);
  old.Step(ReportSeen{"c-1", NmiPanic()});
  Restarted world(old);
  EXPECT_THAT(world.Step(VmReattached{"c-1"}), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi done, dump skipped, destroy done");
  EXPECT_EQ(world.run().findings.size(), 1u);
}

}  // namespace
}  // namespace lk::scheduler
