// SPDX-License-Identifier: Apache-2.0
// Stalls of guests whose vCPUs the host did not run.
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
using testing::Not;

const std::string kTitle = "BUG: soft lockup in f";

// A run whose host reports delays. vCPU 2 has lost the given time.
struct Delayed : World {
  explicit Delayed(const std::string& accelerator = "kvm") : World({Slow(accelerator)}) {
    ToRunning(Long());
    BringCanary();
    Live(absl::Seconds(20), absl::ZeroDuration());
  }

  static Host Slow(const std::string& accelerator) {
    Host host = MakeHost("h1");
    host.accelerator = accelerator;
    return host;
  }
  Lines Read() { return Step(VcpuDelays{"c-1", now, {absl::ZeroDuration(), absl::ZeroDuration(), lost}}); }
  // Heartbeats, after each of which the delays are read; vCPU 2 loses the same part of each second.
  void Live(absl::Duration duration, absl::Duration lost_per_second) {
    for (const absl::Time end = now + duration; now < end;) {
      After(absl::Seconds(1));
      lost += lost_per_second;
      Said("c-1", Heartbeat{sequence, "spinning", {}});
      Read();
    }
  }
  // Neither heartbeats nor anything else.
  void Starve(absl::Duration duration, absl::Duration total) {
    After(duration);
    lost += total;
  }
  const Run& Done() {
    Said("c-1", AgentDone{"ok", "", 5, {}});
    Gone();
    return run();
  }
  const Finding& finding() { return run().findings.at(0); }

  absl::Duration lost;
};

Finding Lockup(uint32_t seconds, uint64_t start = 100) {
  Finding finding = Report(Kind::kSoftLockup, kTitle, start);
  finding.seconds_stuck = seconds;
  return finding;
}

TEST(LostTime, MakesAStallUnproven) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::Seconds(5));
  EXPECT_THAT(world.Step(ReportBegan{"c-1", Lockup(7)}), Contains("delays c-1"));
  world.Read();
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.finding().distrust, "the host gave vCPU 2 no CPU time for 5.00s of 7.00s");
  const campaign::Run& run = world.Done();
  EXPECT_EQ(run.verdict, Verdict::kUnproven);
  EXPECT_EQ(run.blame, Blame::kInfrastructure);
  EXPECT_EQ(run.reason, kTitle + " is not trusted: the host gave vCPU 2 no CPU time for 5.00s of 7.00s");
  EXPECT_EQ(run.delay_seconds, 5);
}

TEST(LostTime, OfLessThanHalfOfTheStallIsNoExcuse) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::Seconds(3));
  world.Step(ReportBegan{"c-1", Lockup(7)});
  world.Read();
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.finding().distrust, "");
  EXPECT_EQ(world.Done().verdict, Verdict::kFail);
}

TEST(LostTime, BeforeTheStallIsNoExcuse) {
  Delayed world;
  world.Live(absl::Seconds(20), absl::Milliseconds(900));
  world.Starve(absl::Seconds(7), absl::ZeroDuration());
  world.Step(ReportBegan{"c-1", Lockup(7)});
  world.Read();
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.finding().distrust, "");
}

// Twice as many busy vCPUs as CPUs: each runs half of the time.
TEST(LostTime, IsNoExcuseForAStallThatLastsAsLongOnARealCpu) {
  Delayed world("tcg");
  const auto lock_up = [&](absl::Duration lost, uint64_t start) {
    world.Starve(absl::Seconds(18), lost);
    world.Step(ReportBegan{"c-1", Lockup(18, start)});
    world.Read();
    world.Step(ReportSeen{"c-1", Lockup(18, start)});
    return world.finding().distrust;
  };
  EXPECT_THAT(lock_up(absl::Seconds(13), 100), HasSubstr("13.0s of 18.0s"));
  EXPECT_EQ(lock_up(absl::Seconds(9), 900), "");
}

// A scenario has set a third of the usual timeout.
TEST(LostTime, IsWeighedByTheTimeAfterWhichTheDetectorFired) {
  Delayed world("tcg");
  world.Starve(absl::Seconds(6), absl::Seconds(3));
  world.Step(ReportBegan{"c-1", Lockup(6)});
  world.Read();
  world.Step(ReportSeen{"c-1", Lockup(6)});
  EXPECT_EQ(world.finding().distrust, "");
}

TEST(LostTime, IsReadBeforeAStallIsJudged) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::Seconds(7));
  EXPECT_THAT(world.Step(ReportSeen{"c-1", Lockup(7)}), Contains("delays c-1"));
  EXPECT_EQ(world.announced, World::Lines());
  EXPECT_NE(world.finding().distrust, "");
  world.Read();
  EXPECT_EQ(world.finding().distrust, "the host gave vCPU 2 no CPU time for 7.00s of 7.00s");
  EXPECT_EQ(world.announced, World::Lines{kTitle});
}

TEST(LostTime, AHealthyStallCountsOnceTheDelaysAreKnown) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::ZeroDuration());
  world.Said("c-1", Heartbeat{1, "spinning", {}});
  world.Step(ReportSeen{"c-1", Lockup(7)});
  world.Read();
  EXPECT_EQ(world.finding().distrust, "");
  EXPECT_EQ(world.announced, World::Lines{kTitle});
  // The stall shortens the wait for progress.
  EXPECT_THAT(Beat(world, absl::Seconds(12), false), Contains("flush c-1"));
}

TEST(LostTime, AStallCountsIfTheDelaysCannotBeRead) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::Seconds(7));
  world.Step(ReportSeen{"c-1", Lockup(7)});
  world.Step(VcpuDelays{"c-1", world.now, {}});
  EXPECT_EQ(world.finding().distrust, "");
  EXPECT_EQ(world.Done().verdict, Verdict::kFail);
}

TEST(LostTime, IsKnownWhileTheGuestBoots) {
  World world;
  world.Step(Long());
  world.Step(VmStarted{"c-1", 0});
  const auto print = [&](absl::Duration after, absl::Duration lost) {
    world.After(after);
    EXPECT_THAT(world.Step(ConsoleBytes{"c-1", 100}), Contains("delays c-1"));
    world.Step(VcpuDelays{"c-1", world.now, {lost}});
  };
  print(absl::Seconds(1), absl::ZeroDuration());
  print(absl::Seconds(20), absl::ZeroDuration());
  world.After(absl::Seconds(7));
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.run().findings.at(0).distrust, "the CPU time of its vCPUs is not known yet");
  world.Step(VcpuDelays{"c-1", world.now, {absl::Seconds(6)}});
  EXPECT_EQ(world.run().findings.at(0).distrust, "the host gave vCPU 0 no CPU time for 6.00s of 7.00s");
}

TEST(LostTime, IsReadOftenEnoughForTheShortestStall) {
  CampaignAdded added = Long();
  added.campaign.spec.detectors = campaign::Detectors::kDistribution;
  World world;
  world.ToRunning(added);
  world.Step(VcpuDelays{"c-1", world.now, {absl::ZeroDuration()}});
  for (int second = 1; second <= 200; ++second) {
    world.After(absl::Seconds(1));
    world.Said("c-1", Heartbeat{world.sequence, "", {}});
    const absl::Duration lost = second == 200 ? absl::Seconds(1) : absl::ZeroDuration();
    world.Step(VcpuDelays{"c-1", world.now, {lost}});
  }
  world.After(absl::Seconds(4));
  Finding stall = Report(Kind::kCsdStall, "csd: CSD lock stall in f");
  stall.seconds_stuck = 5;
  world.Step(ReportSeen{"c-1", stall});
  world.Step(VcpuDelays{"c-1", world.now, {absl::Seconds(5)}});
  EXPECT_EQ(world.run().findings.at(0).distrust, "the host gave vCPU 0 no CPU time for 5.00s of 5.00s");
}

TEST(LostTime, EachStallIsWeighedByItself) {
  Delayed world;
  Finding other = Report(Kind::kSoftLockup, "BUG: soft lockup in g", 900);
  other.seconds_stuck = 7;
  world.Starve(absl::Seconds(7), absl::Seconds(7));
  world.Step(ReportSeen{"c-1", Lockup(7)});
  world.After(absl::Seconds(20));
  world.Step(ReportSeen{"c-1", other});
  world.Step(VcpuDelays{"c-1", world.now - absl::Seconds(19), {{}, {}, world.lost}});
  world.Read();
  ASSERT_EQ(world.run().findings.size(), 2u);
  EXPECT_NE(world.run().findings[0].distrust, "");
  EXPECT_EQ(world.run().findings[1].distrust, "");
}

// The kernel log arrives after the vCPU has run again for a while.
TEST(LostTime, ALateCopyOfAReportDoesNotMakeItTrusted) {
  for (const bool console_read_late : {false, true}) {
    Delayed world;
    KmsgSeen copy;
    copy.findings = {Lockup(7)};
    copy.findings[0].start_offset = copy.findings[0].end_offset = 0;
    world.Starve(absl::Seconds(7), absl::Seconds(7));
    world.Step(ReportBegan{"c-1", Lockup(7)});
    world.Read();
    if (!console_read_late) world.Step(ReportSeen{"c-1", Lockup(7)});
    world.Live(absl::Seconds(20), absl::ZeroDuration());
    world.Said("c-1", copy);
    world.Read();
    if (console_read_late) world.Step(ReportSeen{"c-1", Lockup(7)});
    world.Read();
    EXPECT_THAT(world.finding().witnesses, testing::UnorderedElementsAre("console", "agent"));
    EXPECT_EQ(world.finding().distrust, "the host gave vCPU 2 no CPU time for 7.00s of 7.00s");
  }
}

TEST(LostTime, AStallCountsIfTheVmEndsFirst) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::ZeroDuration());
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.Done().verdict, Verdict::kFail);
}

// The stall goes on although the vCPU runs again.
TEST(LostTime, AStallIsTrustedAsSoonAsOneOfItsReportsIs) {
  Delayed world;
  world.Starve(absl::Seconds(7), absl::Seconds(7));
  world.Step(ReportSeen{"c-1", Lockup(7)});
  world.Read();
  EXPECT_NE(world.finding().distrust, "");
  world.Live(absl::Seconds(15), absl::ZeroDuration());
  world.Step(ReportSeen{"c-1", Lockup(15, 900)});
  world.Read();
  EXPECT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.finding().distrust, "");
}

TEST(LostTime, AStallThatIsNeverTrustedKeepsTheLatestReason) {
  Delayed world;
  for (const uint64_t start : {100u, 900u}) {
    world.Starve(absl::Seconds(7), absl::Seconds(start == 100 ? 7 : 6));
    world.Step(ReportSeen{"c-1", Lockup(7, start)});
    world.Read();
    world.Live(absl::Seconds(1), absl::ZeroDuration());
  }
  EXPECT_EQ(world.finding().distrust, "the host gave vCPU 2 no CPU time for 6.00s of 7.00s");
  EXPECT_EQ(world.Done().verdict, Verdict::kUnproven);
}

TEST(LostTime, StealCountsWhereTheHostDoesNotTell) {
  World world;
  world.ToRunning(Long());
  world.Said("c-1", Heartbeat{1, "", {absl::Seconds(1)}});
  world.Step(VcpuDelays{"c-1", world.now, {}});
  world.After(absl::Seconds(8));
  world.Said("c-1", Heartbeat{2, "", {absl::Seconds(7)}});
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.run().findings.at(0).distrust, "6.00s of 8.00s were stolen from CPU 0");
}

// One CPU of eight cannot lose more than all of the time.
TEST(LostTime, StealIsThatOfEachCpu) {
  CampaignAdded added = Long();
  added.campaign.spec.profiles[0].vcpus = 8;
  World world;
  world.ToRunning(added);
  world.Said("c-1", Heartbeat{1, "", std::vector<absl::Duration>(8)});
  world.After(absl::Seconds(8));
  world.Said("c-1", Heartbeat{2, "", std::vector<absl::Duration>(8, absl::Seconds(1))});
  world.Step(ReportSeen{"c-1", Lockup(7)});
  EXPECT_EQ(world.run().findings.at(0).distrust, "");
  EXPECT_EQ(world.run().steal_seconds, 8);
}

// An event that took `took`, counted as too long.
Samples Late(double count, absl::Duration took) {
  Samples samples;
  samples.counters["calls_slow"] = {count, "1", "flush took long", absl::ToDoubleSeconds(took), 5};
  return samples;
}

TEST(LostTime, ExplainsEventsThatTookTooLong) {
  Delayed world;
  const auto distrust = [&] { return world.run().counters.at("calls_slow").distrust; };
  world.Starve(absl::Seconds(6), absl::Seconds(5));
  world.Said("c-1", Late(1, absl::Seconds(6)));
  EXPECT_NE(distrust(), "");
  world.Read();
  const std::string why = "the host gave vCPU 2 no CPU time for 5.00s of 6.00s";
  EXPECT_EQ(distrust(), why);
  world.Live(absl::Seconds(10), absl::ZeroDuration());
  world.Said("c-1", Late(1, absl::Seconds(6)));
  EXPECT_EQ(distrust(), why) << "the counter has not risen";
  // Another event, for which the host is not to blame.
  world.Said("c-1", Late(2, absl::Seconds(6)));
  world.Read();
  EXPECT_EQ(distrust(), "");
  world.Starve(absl::Seconds(6), absl::Seconds(5));
  world.Said("c-1", Late(3, absl::Seconds(6)));
  world.Read();
  EXPECT_EQ(distrust(), "") << "one of the events was the kernel's";
}

TEST(LostTime, ExplainsEventsDuringAPause) {
  Delayed world;
  world.Step(VmPaused{"c-1", false, "by hand"});
  world.After(absl::Seconds(7));
  world.Step(VmResumed{"c-1"});
  world.Said("c-1", Late(1, absl::Seconds(7)));
  EXPECT_EQ(world.run().counters.at("calls_slow").distrust, "the VM was paused for 7.00s");
}

TEST(LostTime, DoesNotExplainRefusals) {
  Delayed world;
  for (int count = 1; count <= 2; ++count) {
    world.Starve(absl::Seconds(6), absl::Seconds(6));
    world.Said("c-1", Late(count, count == 1 ? absl::Seconds(6) : absl::ZeroDuration()));
    world.Read();
    EXPECT_EQ(world.run().counters.at("calls_slow").distrust.empty(), count == 2);
  }
}

TEST(LostTime, ASilentGuestWithoutCpuTimeIsNotHung) {
  Delayed world;
  World::Lines lines = world.After(absl::Seconds(34));  // progress limit, then the drain step
  EXPECT_THAT(lines, Contains("post-mortem c-1 registers"));
  world.lost += absl::Seconds(30);
  world.Read();
  world.PostMortem(campaign::PostMortemStep::Step::kRegisters, true, true);
  // The answer to the NMI shows where the guest was, but it was not hung.
  world.Step(ReportSeen{"c-1", NmiPanic()});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().blame, Blame::kInfrastructure);
  EXPECT_THAT(world.run().reason,
              HasSubstr("the host gave the VM too little CPU time: neither progress nor heartbeat"));
  EXPECT_THAT(world.run().reason, HasSubstr("; the host gave vCPU 2 no CPU time for 30.0s of 34"));
  EXPECT_TRUE(world.run().findings.empty());
}

TEST(LostTime, ASilentGuestThatRanIsHung) {
  Delayed world;
  world.After(absl::Seconds(34));
  world.Read();
  world.PostMortem(campaign::PostMortemStep::Step::kRegisters, true, true);
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
}

TEST(LostTime, AStuckTriggerWithoutCpuTimeIsNotTrusted) {
  Delayed world;
  for (int i = 0; i < 31; ++i) {
    world.After(absl::Seconds(1));
    world.lost += absl::Milliseconds(950);
    world.Said("c-1", Heartbeat{1, "spinning", {}});
    world.Read();
  }
  world.Read();
  EXPECT_EQ(world.finding().title, "trigger stuck in spin");
  EXPECT_THAT(world.finding().distrust, HasSubstr("the host gave vCPU 2 no CPU time"));
}

TEST(LostTime, IsReadNoMoreThanOnceAtATime) {
  Delayed world;
  world.After(absl::Seconds(1));
  EXPECT_THAT(world.Said("c-1", Heartbeat{98, "", {}}), Contains("delays c-1"));
  EXPECT_THAT(world.Said("c-1", Heartbeat{99, "", {}}), Not(Contains("delays c-1")));
  world.Step(ReportBegan{"c-1", Lockup(7)});
  world.Read();
  world.After(absl::Seconds(1));
  EXPECT_THAT(world.Said("c-1", Heartbeat{100, "", {}}), Contains("delays c-1"));
  EXPECT_THAT(world.Step(ReportBegan{"c-1", Lockup(7, 500)}), Not(Contains("delays c-1")));
}

TEST(LostTime, RunsThatItLeavesUnprovenAreTriedAgain) {
  CampaignAdded added = Long();
  added.campaign.spec.retries_error = 1;
  World world;
  world.ToRunning(added);
  world.BringCanary();
  world.Said("c-1", Heartbeat{1, "", {absl::Seconds(0)}});
  world.After(absl::Seconds(8));
  world.Said("c-1", Heartbeat{2, "", {absl::Seconds(7)}});
  world.Step(ReportSeen{"c-1", Lockup(7)});
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kUnproven);
  EXPECT_TRUE(world.run().superseded);
  EXPECT_EQ(world.run("c-1.2").state, campaign::RunState::kPreparing);
}

TEST(LostTime, OtherRunsThatAreUnprovenAreNotTriedAgain) {
  CampaignAdded added = Long();
  added.campaign.spec.retries_error = 1;
  World world;
  world.ToRunning(added);
  Finding distrusted = Lockup(7);
  world.Step(VmPaused{"c-1", false, "by hand"});
  world.Step(ReportSeen{"c-1", distrusted});
  world.Step(VmResumed{"c-1"});
  Finding killed;
  killed.kind = Kind::kAgentLost;
  killed.title = "trigger killed by SIGSEGV";
  world.Said("c-1", GuestFinding{killed});
  world.Said("c-1", AgentDone{"error", "killed by SIGSEGV", 5, {}});
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kUnproven);
  EXPECT_EQ(world.run().blame, Blame::kTest);
  EXPECT_FALSE(world.run().superseded) << "memory that the kernel has corrupted would explain it";
}

TEST(SlowIo, IsNotHeldAgainstAHungTaskAtOnce) {
  const auto distrust = [](uint32_t seconds, const std::string& function) {
    World world;
    world.ToRunning(Long());
    Finding finding = Report(Kind::kHungTask, "INFO: task hung in folio_wait_bit_common");
    finding.seconds_stuck = seconds;
    for (const std::string& name : {std::string("schedule"), function}) finding.frames.emplace_back().function = name;
    world.Step(ReportSeen{"c-1", finding});
    return world.run().findings.at(0).distrust;
  };
  EXPECT_EQ(distrust(8, "io_schedule"), "the task waits for I/O, which the host may delay, and for less than 30 s");
  EXPECT_NE(distrust(24, "io_schedule_timeout"), "");
  EXPECT_EQ(distrust(32, "io_schedule"), "");
  EXPECT_EQ(distrust(8, "mutex_lock"), "");
}

}  // namespace
}  // namespace lk::scheduler
