// SPDX-License-Identifier: Apache-2.0
// Guests that do not respond: hang detection and the post-mortem.
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
using testing::Not;
using testing::StartsWith;
using Stage = campaign::PostMortemStep::Step;

// The guest works for a while, then is silent for longer than allowed.
void ToSilence(World& world, CampaignAdded added = Long()) {
  world.ToRunning(std::move(added));
  Beat(world, absl::Seconds(5), true);
  world.After(absl::Seconds(30));
}

// ---- hang detection ----------------------------------------------------------------------------

TEST(Hang, IsSilenceWithInterruptsOff) {
  World world;
  world.ToRunning(Long());
  Beat(world, absl::Seconds(5), true);
  EXPECT_THAT(world.After(absl::Seconds(29)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(2)),
              ElementsAre("save c-1 finishing", "flush c-1", "post-mortem c-1 registers"));
  EXPECT_THAT(world.PostMortem(Stage::kRegisters, true, true),
              ElementsAre("save c-1 finishing", "post-mortem c-1 nmi"));
  EXPECT_THAT(world.announced, ElementsAre("open: hang in spin"));
  world.PostMortem(Stage::kNmi);
  EXPECT_THAT(world.After(absl::Seconds(19)), IsEmpty()) << "the NMI step waits for backtraces on the console";
  EXPECT_THAT(world.After(absl::Seconds(2)), ElementsAre("save c-1 finishing", "flush c-1", "destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done fail"));
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump skipped, destroy done");
  EXPECT_EQ(world.run().blame, Blame::kKernel);
  EXPECT_THAT(world.run().reason, HasSubstr("all running vCPUs have interrupts off"));
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].title, "hang in spin");
  EXPECT_THAT(world.run().findings[0].witnesses, ElementsAre("agent", "hypervisor"));
  EXPECT_THAT(world.run().findings[0].excerpt, HasSubstr("detail\ntext"));
}

TEST(Hang, SilenceWhileInterruptsAreHandledIsALostAgent) {
  World world;
  ToSilence(world);
  world.Step(ConsoleBytes{"c-1", 100});
  world.PostMortem(Stage::kRegisters, true, false);
  // The guest panics on the NMI, as any guest would; the panic does not make the silence a hang.
  EXPECT_THAT(world.Step(ReportSeen{"c-1", NmiPanic()}), Contains("destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done error"));
  EXPECT_EQ(world.run().blame, Blame::kTest);
  EXPECT_THAT(world.run().reason, StartsWith("agent lost in spin: neither progress nor heartbeat for 30.0s"));
  EXPECT_THAT(world.run().reason, HasSubstr("the vCPUs are handling interrupts, and the console was still printing"));
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi done, dump skipped, destroy done");
}

TEST(Hang, AQemuThatDoesNotRespondSaysNothingAboutTheKernel) {
  for (const bool responds : {true, false}) {
    World world;
    ToSilence(world);
    const auto lines = responds ? world.PostMortem(Stage::kRegisters, false) : world.After(absl::Seconds(11));
    EXPECT_THAT(lines, Contains("destroy c-1"));
    EXPECT_THAT(lines, Not(Contains("post-mortem c-1 nmi")));
    EXPECT_THAT(world.Gone(), Contains("save c-1 done error"));
    EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
    EXPECT_THAT(world.run().reason, HasSubstr("the hypervisor does not respond"));
    EXPECT_THAT(world.run().findings, IsEmpty());
    EXPECT_EQ(world.Steps(), "drain done, registers failed, nmi skipped, dump skipped, destroy done");
  }
}

TEST(Hang, HeartbeatsWithoutProgressIndicateAStuckTrigger) {
  World world;
  world.ToRunning(Long());
  EXPECT_THAT(Beat(world, absl::Seconds(33), false), Contains("post-mortem c-1 registers"));
  // Heartbeats prove that the agent works, so the registers do not matter.
  EXPECT_THAT(world.PostMortem(Stage::kRegisters, false), Contains("destroy c-1"));
  EXPECT_THAT(world.Gone(), Contains("save c-1 done fail"));
  EXPECT_EQ(world.run().findings.at(0).title, "trigger stuck in spin");
  EXPECT_EQ(world.run().findings.at(0).activity, "spinning");
}

TEST(Hang, AGuestThatFellSilentBeforeItsStreamEndedHangs) {
  World world;
  world.ToRunning(Long());
  world.After(absl::Seconds(20));
  world.Step(AgentDisconnected{"c-1", 1});
  EXPECT_THAT(world.After(absl::Seconds(11)), Contains("post-mortem c-1 registers"));
  world.PostMortem(Stage::kRegisters, true, true);
  world.Step(ReportSeen{"c-1", NmiPanic()});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done fail"));
}

TEST(Hang, IsDetectedSoonerOnceADetectorHasFired) {
  World world;
  world.ToRunning(Long());
  Beat(world, absl::Seconds(5), true);
  world.After(absl::Seconds(4));
  world.Step(ReportSeen{"c-1", Report(Kind::kRcuStall, "INFO: rcu detected stall in f")});
  EXPECT_THAT(world.After(absl::Seconds(9)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(1)), Contains("post-mortem c-1 registers"));
  // Interrupts are on, but the stall shows that the kernel is to blame.
  world.PostMortem(Stage::kRegisters, true, false);
  world.Step(ReportSeen{"c-1", NmiPanic()});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done fail"));
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].title, "INFO: rcu detected stall in f");
  EXPECT_THAT(world.run().findings[0].alt_titles, ElementsAre("hang in spin"));
}

TEST(Hang, AStallThatIsOverDoesNotEndTheRun) {
  World world;
  world.ToRunning(Long());
  Beat(world, absl::Seconds(5), true);
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  EXPECT_THAT(Beat(world, absl::Seconds(1), true), Not(Contains(HasSubstr("post-mortem"))));
  EXPECT_THAT(Beat(world, absl::Seconds(25), false), Not(Contains(HasSubstr("post-mortem"))));
  EXPECT_THAT(Beat(world, absl::Seconds(8), false), Contains("post-mortem c-1 registers"));
}

TEST(Hang, AStallWithinItsBudgetDoesNotShortenTheTimeout) {
  World world;
  CampaignAdded added = Long();
  added.campaign.spec.scenarios[0].budgets["soft_lockup"] = "5";
  world.ToRunning(added);
  Beat(world, absl::Seconds(5), true);
  world.Step(ReportSeen{"c-1", Report(Kind::kSoftLockup, "BUG: soft lockup in f")});
  EXPECT_THAT(Beat(world, absl::Seconds(25), false), Not(Contains(HasSubstr("post-mortem"))));
}

TEST(Hang, ABootThatTakesTooLongGetsAPostMortem) {
  for (const bool hung : {true, false}) {
    World world;
    world.Step(WithoutRetries());
    world.Step(VmStarted{"c-1", 0});
    world.now += absl::Seconds(10);
    world.Step(ConsoleBytes{"c-1", 500});
    EXPECT_THAT(world.After(absl::Seconds(51)), Contains("post-mortem c-1 registers"));
    world.PostMortem(Stage::kRegisters, true, hung);
    world.Step(ReportSeen{"c-1", NmiPanic()});
    world.Gone();
    EXPECT_EQ(world.run().verdict, hung ? Verdict::kFail : Verdict::kError);
    EXPECT_EQ(world.run().blame, hung ? Blame::kKernel : Blame::kInfrastructure);
    if (hung) continue;
    EXPECT_THAT(world.run().reason, HasSubstr("the console has been silent for 50.0s"));
  }
}

// ---- NMIs and the panics that they cause -------------------------------------------------------

TEST(PostMortem, ThePanicCausedByTheNmiIsRecordedAsTheHang) {
  World world;
  ToSilence(world);
  world.PostMortem(Stage::kRegisters, true, true);
  world.PostMortem(Stage::kNmi);
  world.Step(ReportBegan{"c-1", NmiPanic()});
  world.Step(VmPanicked{"c-1"});
  EXPECT_THAT(world.Step(ReportSeen{"c-1", NmiPanic()}), Contains("destroy c-1"));
  EXPECT_THAT(world.announced, ElementsAre("open: hang in spin", "hang in spin"));
  // A crash kernel may boot afterwards.
  world.Step(ReportSeen{"c-1", Report(Kind::kUnexpectedReboot, "unexpected reboot", 9000)});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].kind, Kind::kHang);
  EXPECT_EQ(world.run().findings[0].start_offset, 5000u);
  EXPECT_THAT(world.run().findings[0].witnesses, ElementsAre("console", "hypervisor"));
  EXPECT_EQ(world.run().post_mortem[2].detail, "backtraces of 2 CPUs: spin");
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi done, dump skipped, destroy done");
}

TEST(PostMortem, APanicAfterTheNmisDeadlineStillCounts) {
  World world;
  ToSilence(world);
  world.PostMortem(Stage::kRegisters, true, true);
  EXPECT_THAT(world.After(absl::Seconds(21)), Contains("destroy c-1"));
  world.Step(ReportSeen{"c-1", NmiPanic()});
  world.Gone();
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump skipped, destroy done");
  EXPECT_EQ(world.run().findings.at(0).start_offset, 5000u);
}

TEST(PostMortem, NoNmiIsSentAfterAPanicDuringTheDrain) {
  World world;
  ToSilence(world);
  world.Step(ReportBegan{"c-1", Panic("out of memory")});
  world.Step(ReportSeen{"c-1", Panic("out of memory")});
  EXPECT_THAT(world.PostMortem(Stage::kRegisters, true, true), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi skipped, dump skipped, destroy done");
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_THAT(world.run().reason, StartsWith("kernel panic: out of memory"));
}

TEST(PostMortem, AnNmiThatLkdDidNotSendIsAnOrdinaryPanic) {
  World world;
  world.ToRunning(WithoutRetries());
  world.Step(ReportBegan{"c-1", NmiPanic()});
  world.Step(ReportSeen{"c-1", NmiPanic()});
  world.After(absl::Seconds(3));
  world.Gone();
  EXPECT_EQ(world.run().findings.at(0).kind, Kind::kPanic);
}

// ---- the steps of the post-mortem --------------------------------------------------------------

TEST(PostMortem, WaitsForAConsoleThatKeepsPrintingButNotForLong) {
  World world;
  world.ToRunning(Long());
  Beat(world, absl::Seconds(5), true);
  World::Lines lines;
  uint64_t bytes = 0;
  const auto chat = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      world.Step(ConsoleBytes{"c-1", ++bytes});
      for (std::string& line : world.After(absl::Seconds(1))) lines.push_back(std::move(line));
    }
  };
  chat(31);
  EXPECT_THAT(lines, ElementsAre("save c-1 finishing")) << "console output does not delay the detection of a hang";
  chat(5);
  EXPECT_THAT(lines, Contains("post-mortem c-1 registers"));
}

TEST(PostMortem, PerformsTheStepsThatTheCampaignAsksFor) {
  World world;
  CampaignAdded added = Long();
  added.campaign.spec.hang_nmi = false;
  added.campaign.spec.hang_dump = true;
  ToSilence(world, added);
  EXPECT_THAT(world.PostMortem(Stage::kRegisters, true, true), Contains("post-mortem c-1 dump"));
  // The dump pauses the VM, which does not count as a pause of the run.
  world.Step(VmPaused{"c-1", false, "paused"});
  world.After(absl::Minutes(2));
  world.Step(VmResumed{"c-1"});
  EXPECT_THAT(world.PostMortem(Stage::kDump), Contains("destroy c-1"));
  world.Gone();
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi skipped, dump done, destroy done");
  EXPECT_EQ(world.run().paused_seconds, 0);
}

TEST(PostMortem, ContinuesWhenAStepDoesNotReturn) {
  World world;
  CampaignAdded added = Long();
  added.campaign.spec.hang_dump = true;
  ToSilence(world, added);
  world.PostMortem(Stage::kRegisters, true, true);
  EXPECT_THAT(world.PostMortem(Stage::kNmi, false), Contains("post-mortem c-1 dump"));
  EXPECT_THAT(world.PostMortem(Stage::kRegisters), IsEmpty()) << "the result of an earlier step is ignored";
  EXPECT_THAT(world.After(absl::Minutes(5)), Contains("destroy c-1"));
  EXPECT_THAT(world.PostMortem(Stage::kDump), IsEmpty()) << "the result of a step is ignored after its deadline";
  EXPECT_THAT(world.After(absl::Minutes(4)), Contains("release c-1"));
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump failed, destroy failed");
}

TEST(PostMortem, AVmThatIsGoneBeforeItIsExaminedIsLost) {
  World world;
  ToSilence(world);
  world.Gone(VmGone::How::kHostLost);
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
  EXPECT_EQ(world.Steps(), "drain done, registers failed, nmi skipped, dump skipped, destroy skipped");
}

TEST(PostMortem, AVmThatIsGoneWhileTheConsoleDrainsIsLost) {
  World world;
  world.ToRunning(Long());
  world.After(absl::Seconds(29));
  world.Step(ConsoleBytes{"c-1", 1});
  EXPECT_THAT(world.After(absl::Seconds(2)), ElementsAre("save c-1 finishing"));
  world.Gone(VmGone::How::kCrashed);
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
  EXPECT_EQ(world.Steps(), "drain failed, registers skipped, nmi skipped, dump skipped, destroy skipped");
}

TEST(PostMortem, AVmThatStopsAfterItWasExaminedCountsAsHung) {
  World world;
  ToSilence(world);
  world.PostMortem(Stage::kRegisters, true, true);
  world.Gone(VmGone::How::kStopped);
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
  EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump skipped, destroy skipped");
}

TEST(PostMortem, TheAgentsLastMessagesDoNotEndIt) {
  World world;
  world.ToRunning(Long());
  Beat(world, absl::Seconds(33), false);
  EXPECT_THAT(world.Said("c-1", AgentDone{"ok", "", 5, {}}), Not(Contains("destroy c-1")));
  EXPECT_THAT(world.Connect("boot-1"), ElementsAre("drop c-1/2"));
  EXPECT_THAT(world.Step(CampaignCancelled{"c"}), IsEmpty());
  EXPECT_THAT(world.PostMortem(Stage::kRegisters), Contains("post-mortem c-1 nmi"));
}

}  // namespace
}  // namespace lk::scheduler
