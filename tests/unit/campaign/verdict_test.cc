// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "server/campaign/findings.h"
#include "tests/unit/campaign/descriptors.h"
#include "tests/unit/campaign/runs.h"

namespace lk::campaign {
namespace {

using detect::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

using Budgets = std::map<std::string, std::string>;

// ---- verdicts ----------------------------------------------------------------------------------------------------

TEST(Judge, PassesOnlyWithProof) {
  campaign::Run run = Good();
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {})), "pass ");

  run.canary_console = false;
  Judgement judgement = Judge(run, Said("ok"), Rest(), {});
  EXPECT_EQ(Words(judgement), "unproven infrastructure");
  EXPECT_EQ(judgement.reason, "the canary was not seen on the console");
  run.canary_kmsg = false;
  EXPECT_EQ(Judge(run, Said("ok"), Rest(), {}).reason,
            "the canary was not seen on the console or in the kernel log stream");
  run.canary_console = true;
  EXPECT_EQ(Judge(run, Said("ok"), Rest(), {}).reason, "the canary was not seen in the kernel log stream");
}

TEST(Judge, PassesOnlyWithWorkDone) {
  campaign::Run idle = Good();
  idle.operations = 0;
  const Judgement judgement = Judge(idle, Said("ok"), Rest(), {});
  EXPECT_EQ(Words(judgement), "error test");
  EXPECT_EQ(judgement.reason, "the trigger did no work");

  campaign::Run run = Good();
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {})), "error test");
  run.counters["blocks"].value = 0;
  EXPECT_THAT(Judge(run, Said("ok"), Swarm(), {}).reason, HasSubstr("blocks is 0"));
  run.counters["blocks"].value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {})), "error test");
  run.counters["blocks"].value = 8;
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {})), "pass ");
}

TEST(Judge, FollowsTheEnding) {
  struct Case {
    Ending ending;
    std::string words, reason;
  };
  const std::vector<Case> cases = {
      {Said("skip", "no kexec"), "skip ", "no kexec"},
      {Said("error", "mount failed"), "error test", "the agent could not continue: mount failed"},
      {Said(""), "error test", "the agent could not continue"},
      {Ended(Ending::Kind::kNeverStarted, "no host"), "miss infrastructure", "never started: no host"},
      {Ended(Ending::Kind::kVmLost, "killed"), "error infrastructure", "VM lost: killed"},
      {Ended(Ending::Kind::kVmSilent, "no response within 10s"), "error infrastructure",
       "the hypervisor does not respond: no response within 10s"},
      {Ended(Ending::Kind::kStarved, "30s of silence"), "error infrastructure",
       "the host gave the VM too little CPU time: 30s of silence"},
      {Ended(Ending::Kind::kAgentLost, "the agent did not reconnect within 10s; the console was still printing"),
       "error test",
       "agent lost in rest: the agent did not reconnect within 10s; the console was still printing (seen by: agent)"},
      {Ended(Ending::Kind::kBootTimeout), "error infrastructure", "the agent did not connect within the boot limit"},
      {Ended(Ending::Kind::kRunTimeout), "error test", "over the time limit"},
      {Ended(Ending::Kind::kHang, "30s of silence"), "fail kernel", "hang in rest: 30s of silence (seen by: agent)"},
      {Ended(Ending::Kind::kStuck, "60s"), "error test",
       "ended early because the trigger was stuck, which is not held against the kernel: 60s"},
      {Ended(Ending::Kind::kFatalFinding), "error test",
       "ended early because of a finding that is not held against the kernel"},
      {Ended(Ending::Kind::kCancelled), "skip ", "cancelled"},
  };
  for (const Case& c : cases) {
    campaign::Run run = Good();
    const Judgement judgement = Judge(run, c.ending, Rest(), {});
    EXPECT_EQ(Words(judgement), c.words) << c.reason;
    EXPECT_EQ(judgement.reason, c.reason);
  }
}

TEST(Judge, BlamesTheKernelHoweverTheRunEnded) {
  for (const Ending& ending :
       {Said("ok"), Said("skip"), Said("error"), Ended(Ending::Kind::kVmLost), Ended(Ending::Kind::kAgentLost),
        Ended(Ending::Kind::kBootTimeout), Ended(Ending::Kind::kHang), Ended(Ending::Kind::kStuck),
        Ended(Ending::Kind::kVmSilent), Ended(Ending::Kind::kFatalFinding), Ended(Ending::Kind::kCancelled)}) {
    campaign::Run run = Good();
    AddFinding(run, Console(Kind::kWarning, "WARNING in g", 10), Rest());
    Finding panic = Console(Kind::kPanic, "kernel panic: sysrq triggered crash", 100);
    panic.fatal = true;
    AddFinding(run, panic, Rest());
    const Judgement judgement = Judge(run, ending, Rest(), {});
    EXPECT_EQ(Words(judgement), "fail kernel");
    EXPECT_EQ(judgement.reason, "kernel panic: sysrq triggered crash (seen by: console) and 1 more");
    EXPECT_EQ(run.findings.size(), 2u);  // no hang is added, because the panic explains it
  }
}

TEST(Judge, ToleratedFindingsDoNotMakeARunFail) {
  campaign::Run run = Good();
  run.counters["blocks"].value = 1;
  AddFinding(run, Console(Kind::kWarning, "WARNING in harmless_function", 10), Swarm());
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {})), "pass ");
}

TEST(Judge, DoesNotBlameTheKernelForACrashedVmWithoutEvidence) {
  campaign::Run run = Good();
  AddFinding(run, From("hypervisor", Kind::kVmCrash, "VM crashed"), Rest());
  EXPECT_EQ(Words(Judge(run, Ended(Ending::Kind::kVmLost), Rest(), {})), "error infrastructure");
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {})), "error infrastructure");
}

TEST(Judge, DoesNotBlameTheKernelForPanicsOfTheImage) {
  const auto judge = [](const std::string& title, const std::string& phase, const std::string& excerpt = "") {
    campaign::Run run = Good();
    Finding panic = Console(Kind::kPanic, "kernel panic: " + title, 100);
    panic.fatal = true;
    panic.phase = phase;
    panic.excerpt = excerpt;
    AddFinding(run, panic, Rest());
    return Judge(run, Ended(Ending::Kind::kFatalFinding), Rest(), {});
  };
  for (const char* title :
       {"VFS: Unable to mount root fs on unknown-block(NUM,NUM)",
        "No working init found.  Try passing init= option to kernel.", "Requested init /init failed (error -NUM)."}) {
    EXPECT_EQ(Words(judge(title, "booting")), "error test") << title;
    EXPECT_EQ(Words(judge(title, "running")), "fail kernel") << title << ": it has booted once";
  }
  EXPECT_EQ(Words(judge("System is deadlocked on memory", "running")), "error test");
  EXPECT_EQ(judge("System is deadlocked on memory", "running").reason,
            "the guest has too little memory: kernel panic: System is deadlocked on memory (seen by: console)");
}

TEST(Judge, DeathByBadMemoryIsEvidence) {
  const auto judge = [](const std::string& code) {
    campaign::Run run = Good();
    Finding panic = Console(Kind::kPanic, "kernel panic: Attempted to kill init!", 100);
    panic.fatal = true;
    panic.phase = "running";
    panic.excerpt = "Kernel panic - not syncing: Attempted to kill init! exitcode=" + code + "\n";
    AddFinding(run, panic, Rest());
    return Judge(run, Ended(Ending::Kind::kFatalFinding), Rest(), {});
  };
  EXPECT_EQ(Words(judge("0x0000000b")), "unproven test");
  EXPECT_EQ(Words(judge("0x00000007")), "unproven test");
  EXPECT_EQ(Words(judge("0x00000100")), "error test");
  EXPECT_THAT(judge("0x0000000b").reason, HasSubstr("memory that the kernel has corrupted would explain this"));

  campaign::Run run = Good();
  AddFinding(run, From("agent", Kind::kAgentLost, "trigger killed by SIGBUS"), Rest());
  EXPECT_EQ(Words(Judge(run, Said("error", "the trigger's process died"), Rest(), {})), "unproven test");
}

TEST(Judge, RecordsALostAgentAndAHangOnce) {
  campaign::Run lost = Good();
  campaign::Run hung = Good();
  for (int i = 0; i < 2; ++i) {
    Judge(lost, Ended(Ending::Kind::kAgentLost), Rest(), {});
    Judge(hung, Ended(Ending::Kind::kHang), Rest(), {});
  }
  ASSERT_EQ(lost.findings.size(), 1u);
  EXPECT_EQ(lost.findings[0].kind, Kind::kAgentLost);
  ASSERT_EQ(hung.findings.size(), 1u);
  EXPECT_EQ(hung.findings[0].kind, Kind::kHang);
  EXPECT_EQ(hung.findings[0].count, 1u);
}

TEST(Judge, ChecksInvariantsByCounter) {
  for (const double value : {3.0, std::numeric_limits<double>::quiet_NaN()}) {
    campaign::Run run = Good();
    run.counters["blocks"].value = 1;
    run.counters["trylock_failures"].value = value;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {})), "fail kernel");
    ASSERT_EQ(run.findings.size(), 1u);
    EXPECT_EQ(run.findings[0].kind, Kind::kInvariant);
    EXPECT_EQ(run.findings[0].title, "invariant trylock");
  }
  // The violation is not added again if a line on the console has already reported it.
  campaign::Run run = Good();
  run.counters["trylock_failures"].value = 3;
  AddFinding(run, Console(Kind::kInvariant, "crash hp: kexec_trylock() failed", 10, {"invariant trylock"}), Swarm());
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {})), "fail kernel");
  EXPECT_EQ(run.findings.size(), 1u);
}

TEST(Judge, DoesNotTrustAnInvariantWhoseEventsTheHostMayHaveCaused) {
  campaign::Run run = Good();
  run.counters["blocks"].value = 1;
  run.counters["trylock_failures"].value = 3;
  run.counters["trylock_failures"].distrust = "the VM was paused for 12s";
  const Judgement judgement = Judge(run, Said("ok"), Swarm(), {});
  EXPECT_EQ(Words(judgement), "unproven infrastructure");
  EXPECT_EQ(judgement.reason, "invariant trylock is not trusted: the VM was paused for 12s");
}

TEST(Judge, ChecksLatencyBudgets) {
  campaign::Run run = Good();
  run.latencies["timer_wakeup"].Record(1'000'000, 99);
  run.latencies["timer_wakeup"].Record(80'000'000);
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {{"timer_wakeup_p50", "2ms"}, {"timer_wakeup_max", "80ms"}})),
            "pass ");
  const Judgement judgement = Judge(run, Said("ok"), Rest(), {{"timer_wakeup_max", "50ms"}});
  EXPECT_EQ(Words(judgement), "fail kernel");
  EXPECT_THAT(judgement.reason, HasSubstr("timer_wakeup_max is 80.0ms, expected at most 50ms"));
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].kind, Kind::kBudget);

  campaign::Run silent = Good();
  silent.skipped_parts = {"timers: no timer"};
  EXPECT_EQ(Words(Judge(silent, Said("ok"), Rest(), {{"timer_wakeup_max", "50ms"}})), "pass ");
  silent.skipped_parts.clear();
  EXPECT_EQ(Words(Judge(silent, Said("ok"), Rest(), {{"timer_wakeup_max", "50ms"}})), "unproven test");
}

TEST(Judge, ChecksBudgetsForKinds) {
  const auto judge = [](uint32_t count, bool fatal, const Budgets& budgets) {
    campaign::Run run = Good();
    Finding finding = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
    finding.count = count;
    finding.fatal = fatal;
    AddFinding(run, finding, Rest());
    return Words(Judge(run, Said("ok"), Rest(), budgets));
  };
  EXPECT_EQ(judge(1, false, {}), "fail kernel");
  EXPECT_EQ(judge(1, false, {{"soft_lockup", "0"}}), "fail kernel");
  EXPECT_EQ(judge(2, false, {{"soft_lockup", "2"}}), "pass ");
  EXPECT_EQ(judge(3, false, {{"soft_lockup", "2"}}), "fail kernel");
  EXPECT_EQ(judge(1, true, {{"soft_lockup", "2"}}), "fail kernel");
  EXPECT_EQ(judge(1, false, {{"hung_task", "2"}}), "fail kernel");
}

TEST(Judge, ShowsTheStateOfTheVcpusInASilentHang) {
  campaign::Run run = Good();
  run.post_mortem = {{PostMortemStep::Step::kDrain, PostMortemStep::Outcome::kDone, "", "", 0},
                     {PostMortemStep::Step::kRegisters, PostMortemStep::Outcome::kDone,
                      "2 of 2 CPUs running with interrupts off", "RIP=ffffffff81000000", 0.1}};
  const Judgement judgement = Judge(run, Ended(Ending::Kind::kHang, "30s of silence"), Rest(), {});
  EXPECT_EQ(Words(judgement), "fail kernel");
  EXPECT_EQ(judgement.reason, "hang in rest: 30s of silence (seen by: agent, hypervisor)");
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_EQ(run.findings[0].excerpt, "30s of silence\n2 of 2 CPUs running with interrupts off\nRIP=ffffffff81000000");
}

TEST(Judge, AWarningDoesNotExplainAHang) {
  campaign::Run run = Good();
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 10), Rest());
  EXPECT_FALSE(HangExplained(run, {}));
  const Judgement judgement = Judge(run, Ended(Ending::Kind::kHang, "30s of silence"), Rest(), {});
  EXPECT_EQ(judgement.reason, "hang in rest: 30s of silence (seen by: agent) and 1 more");

  campaign::Run stalled = Good();
  AddFinding(stalled, Console(Kind::kRcuStall, "INFO: rcu detected stall in f", 10), Rest());
  EXPECT_TRUE(HangExplained(stalled, {}));
  EXPECT_FALSE(HangExplained(stalled, {{"rcu_stall", "1"}}));
  Judge(stalled, Ended(Ending::Kind::kHang, "30s of silence"), Rest(), {});
  EXPECT_EQ(stalled.findings.size(), 1u);
}

TEST(Judge, BlamesTheTestForTheDeathOfTheAgent) {
  Finding death = Console(Kind::kPanic, "kernel panic: Attempted to kill init! exitcode=NUM", 100);
  death.fatal = true;
  campaign::Run run = Good();
  AddFinding(run, death, Rest());
  const Judgement judgement = Judge(run, Ended(Ending::Kind::kFatalFinding), Rest(), {});
  EXPECT_EQ(Words(judgement), "error test");
  EXPECT_EQ(judgement.reason, "agent died: kernel panic: Attempted to kill init! exitcode=NUM (seen by: console)");

  // Unless the kernel killed the agent.
  campaign::Run oops = Good();
  AddFinding(oops, Console(Kind::kOops, "BUG: unable to handle page fault in f", 10), Rest());
  AddFinding(oops, death, Rest());
  EXPECT_EQ(Words(Judge(oops, Ended(Ending::Kind::kFatalFinding), Rest(), {})), "fail kernel");
}

TEST(Judge, DoesNotTrustFindingsThatAPauseMayHaveCaused) {
  campaign::Run run = Good();
  Finding lockup = Console(Kind::kSoftLockup, "BUG: soft lockup in f", 100);
  lockup.distrust = "the VM was paused for 12s";
  AddFinding(run, lockup, Rest());
  const Judgement judgement = Judge(run, Said("ok"), Rest(), {});
  EXPECT_EQ(Words(judgement), "unproven infrastructure");
  EXPECT_EQ(judgement.reason, "BUG: soft lockup in f is not trusted: the VM was paused for 12s");
  EXPECT_EQ(Words(Judge(run, Said("error"), Rest(), {})), "error test");
  AddFinding(run, Console(Kind::kOops, "BUG: unable to handle page fault in f", 900), Rest());
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {})), "fail kernel");

  campaign::Run late = Good();
  late.latencies["timer_wakeup"].Record(80'000'000);
  late.paused_seconds = 12;
  EXPECT_EQ(Words(Judge(late, Said("ok"), Rest(), {{"timer_wakeup_max", "50ms"}})), "unproven infrastructure");
  campaign::Run kept = Good();
  kept.latencies["timer_wakeup"].Record(80'000'000);
  kept.paused_seconds = 12;
  EXPECT_EQ(Words(Judge(kept, Said("ok"), Rest(), {{"timer_wakeup_max", "90ms"}})), "pass ");
}

TEST(Judge, GivesTheReasonReportedByTheHypervisor) {
  campaign::Run run = Good();
  Finding paused = From("hypervisor", Kind::kVmCrash, "VM paused on its own");
  paused.excerpt = "I/O error";
  AddFinding(run, paused, Rest());
  EXPECT_EQ(Judge(run, Ended(Ending::Kind::kVmLost, "paused"), Rest(), {}).reason,
            "VM paused on its own: I/O error (seen by: hypervisor)");
}

TEST(CheckBudget, AcceptsKindsAndProbes) {
  EXPECT_TRUE(CheckBudget(Rest(), "soft_lockup", "0").ok());
  EXPECT_TRUE(CheckBudget(Rest(), "timer_wakeup_p99", "50ms").ok());
  EXPECT_FALSE(CheckBudget(Rest(), "soft_lockup", "-1").ok());
  EXPECT_FALSE(CheckBudget(Rest(), "soft_lockup", "").ok());
  EXPECT_FALSE(CheckBudget(Rest(), "timer_wakeup_p99", "50").ok());
  EXPECT_FALSE(CheckBudget(Rest(), "timer_wakeup_p95", "50ms").ok());
  EXPECT_FALSE(CheckBudget(Rest(), "timer_wakeup", "50ms").ok());
  EXPECT_FALSE(CheckBudget(Rest(), "attach_p99", "50ms").ok());
}

// ---- known problems ----------------------------------------------------------------------------------------------

TEST(Judge, KnownFindingsDoNotMakeARunFailAndAreExplained) {
  const known::List list = Known("WARNING in .*", "fix is queued");
  campaign::Run run = Good();
  AddFinding(run, Console(Kind::kWarning, "WARNING in f", 10), Rest(), Now(list));
  Judgement judgement = Judge(run, Said("ok"), Rest(), {}, Now(list));
  EXPECT_EQ(Words(judgement), "pass ");
  EXPECT_EQ(judgement.reason, "12 operations; known: WARNING in f (fix is queued)");

  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 900), Rest(), Now(list));
  EXPECT_EQ(Judge(run, Said("ok"), Rest(), {}, Now(list)).reason,
            "12 operations; known: WARNING in f (fix is queued) and 1 more");

  AddFinding(run, Console(Kind::kOops, "BUG in h", 1800), Rest(), Now(list));
  judgement = Judge(run, Said("ok"), Rest(), {}, Now(list));
  EXPECT_EQ(Words(judgement), "fail kernel");
  EXPECT_EQ(judgement.reason, "BUG in h (seen by: console); known: WARNING in f (fix is queued) and 1 more");
}

TEST(Judge, AFindingCountsAgainOnceItsProblemHasEnded) {
  const known::List list = Known("WARNING in f");
  const known::ListAt later{&list, absl::FromCivil(absl::CivilDay(2027, 4, 1), absl::UTCTimeZone())};
  campaign::Run run = Good();
  AddFinding(run, Console(Kind::kWarning, "WARNING in f", 10), Rest(), later);
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {}, later)), "fail kernel");
}

TEST(Judge, AKnownProblemThatEndsTheRunIsAnError) {
  const known::List list = Known("kernel panic: .*");
  campaign::Run run = Good();
  Finding panic = Console(Kind::kPanic, "kernel panic: f", 10);
  panic.fatal = true;
  AddFinding(run, panic, Rest(), Now(list));
  const Judgement judgement = Judge(run, Ended(Ending::Kind::kFatalFinding), Rest(), {}, Now(list));
  EXPECT_EQ(Words(judgement), "error test");
  EXPECT_EQ(judgement.reason,
            "ended early because of a finding that is not held against the kernel; known: kernel panic: f (reported)");
}

TEST(Judge, AKnownStallExplainsTheHangThatFollows) {
  const known::List list = Known("BUG: soft lockup in f");
  campaign::Run run = Good();
  AddFinding(run, Console(Kind::kSoftLockup, "BUG: soft lockup in f", 10), Rest(), Now(list));
  EXPECT_TRUE(HangExplained(run, {{"soft_lockup", "0"}}));
  const Judgement judgement = Judge(run, Ended(Ending::Kind::kHang, "no heartbeat"), Rest(), {}, Now(list));
  EXPECT_EQ(Words(judgement), "error test");
  EXPECT_EQ(run.findings.size(), 1u);
  EXPECT_THAT(judgement.reason, HasSubstr("known: BUG: soft lockup in f (reported)"));

  campaign::Run silent = Good();
  EXPECT_EQ(Words(Judge(silent, Ended(Ending::Kind::kHang), Rest(), {}, Now(list))), "fail kernel");
}

TEST(Judge, ABroadPatternSilencesNeitherTheCanaryNorInvariants) {
  const known::List list = Known(".*");
  campaign::Run mute = Good();
  mute.canary_console = false;
  EXPECT_EQ(Words(Judge(mute, Said("ok"), Rest(), {}, Now(list))), "unproven infrastructure");

  campaign::Run run = Good();
  run.counters["blocks"].value = 1;
  run.counters["trylock_failures"].value = 3;
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {}, Now(list))), "fail kernel");
  const known::List named({{"invariant trylock", Kind::kInvariant, "reported", absl::CivilDay(2027, 3, 31)}});
  run.findings.clear();
  EXPECT_EQ(Words(Judge(run, Said("ok"), Swarm(), {}, Now(named))), "pass ");
}

TEST(Judge, KnownFindingsDoNotUseUpABudget) {
  const known::List list = Known("WARNING in f");
  campaign::Run run = Good();
  AddFinding(run, Console(Kind::kWarning, "WARNING in f", 10), Rest(), Now(list));
  AddFinding(run, Console(Kind::kWarning, "WARNING in g", 900), Rest(), Now(list));
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {{"warning", "1"}}, Now(list))), "pass ");
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {{"warning", "0"}}, Now(list))), "fail kernel");
}

// ---- command time-outs -------------------------------------------------------------------------------------------

TEST(Judge, ACommandTimeoutIsBlamedOnTheKernelAndExplainsAHang) {
  campaign::Run run = Good();
  AddFinding(run, Console(Kind::kCommandTimeout, "ITS queue timeout", 10), Rest());
  EXPECT_TRUE(HangExplained(run, {}));
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {})), "fail kernel");
  EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {{"command_timeout", "1"}})), "pass ");
}

}  // namespace
}  // namespace lk::campaign
