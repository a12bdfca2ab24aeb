// SPDX-License-Identifier: Apache-2.0
#include "server/detect/engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace lk::detect {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kSoftLockup =
    "[   10.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cat:77]\n"
    "[   10.000001] CPU: 1 PID: 77 Comm: cat Tainted: G        W   6.1.0-lab #1\n"
    "[   10.000002] RIP: 0010:spin+0x1/0x2 [lab]\n"
    "[   10.000003] Call Trace:\n"
    "[   10.000004]  <TASK>\n"
    "[   10.000005]  ksys_read+0x1/0x2\n"
    "[   10.000006]  do_syscall_64+0x1/0x2\n"
    "[   10.000007]  </TASK>\n";
constexpr size_t kHeader = kSoftLockup.find('\n') + 1;
constexpr std::string_view kPanic =
    "[   10.000008] Kernel panic - not syncing: softlockup: hung tasks\n"
    "[   10.000009] ---[ end Kernel panic - not syncing: softlockup: hung tasks ]---\n";
constexpr std::string_view kCanary =
    "[   10.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-0123456789abcdef:1]\n";
constexpr std::string_view kBoot =
    "[    0.000000] Linux version 6.1.0-lab (me@here) (gcc) #1 SMP\n"
    "[    0.000000] Command line: quiet\n";
constexpr std::string_view kUp = "[    0.123456] smpboot: CPU0: up\n";
constexpr std::string_view kUpAgain = "[    0.123457] smpboot: CPU0: up\n";

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

class EngineTest : public testing::Test {
 protected:
  explicit EngineTest(Options options = {}) : engine_(std::move(options), Record()) {}

  Callbacks Record() {
    return {.on_finding = [this](Finding f) { findings_.push_back(std::move(f)); },
            .on_header = [this](Finding f) { headers_.push_back(std::move(f)); },
            .on_canary = [this](std::string_view nonce) { canaries_.emplace_back(nonce); },
            .on_over = [this](uint64_t start) { over_.push_back(start); }};
  }
  std::vector<std::string> Titles() const {
    std::vector<std::string> titles;
    for (const Finding& finding : findings_) titles.push_back(finding.title);
    return titles;
  }

  std::vector<Finding> findings_;
  std::vector<Finding> headers_;
  std::vector<std::string> canaries_;
  std::vector<uint64_t> over_;
  Engine engine_;
};

constexpr std::string_view kCsdStall =
    "[   20.000000] smp: csd: Detected non-responsive CSD lock (#3) on CPU#2, waiting 5000000123 ns for CPU#01 "
    "handler+0x0/0x10(0x0).\n"
    "[   20.000001] smp: \tcsd: CSD lock (#3) unresponsive.\n";

std::string LockedUp(int cpu, std::string_view function) {
  return fmt::format(
      "[   22.000000] watchdog: BUG: soft lockup - CPU#{0} stuck for 22s! [spin:77]\n"
      "[   22.000001] CPU: {0} PID: 77 Comm: spin Not tainted 6.1.0-lab #1\n"
      "[   22.000002] RIP: 0010:{1}+0x1/0x2\n"
      "[   22.000003] Call Trace:\n"
      "[   22.000004]  flush_all+0x1/0x2\n",
      cpu, function);
}

TEST_F(EngineTest, SaysThatACompleteStallIsOver) {
  engine_.Feed(kCsdStall);
  engine_.Flush();
  engine_.Feed(LockedUp(2, "smp_call_function_many_cond"));
  engine_.Feed(LockedUp(1, "smp_call_function_many_cond"));
  engine_.Flush();
  ASSERT_EQ(findings_.size(), 3u);
  engine_.Feed("[   30.000000] smp: csd: CSD lock (#2) got unstuck on CPU#00, CPU#01 released the lock.\n");
  EXPECT_TRUE(over_.empty()) << "another call, of another CPU";
  engine_.Feed("[   30.000000] smp: csd: CSD lock (#3) got unstuck on CPU#02, CPU#01 released the lock.\n");
  EXPECT_THAT(over_, testing::ElementsAre(findings_[0].start_offset, findings_[1].start_offset))
      << "the call, and the CPU that waited for it";
  engine_.Feed("[   31.000000] smp: csd: CSD lock (#3) got unstuck on CPU#02, CPU#01 released the lock.\n");
  EXPECT_EQ(over_.size(), 2u);
}

// An answer to a later call of the same CPU says nothing about what it was stuck in before.
TEST_F(EngineTest, ACpuThatWasStuckElsewhereDidNotWaitForTheAnswer) {
  engine_.Feed(LockedUp(2, "walk_list"));
  engine_.Flush();
  engine_.Feed("[   30.000000] smp: csd: CSD lock (#3) got unstuck on CPU#02, CPU#01 released the lock.\n");
  EXPECT_TRUE(over_.empty());
}

TEST_F(EngineTest, AStallThatIsOverBeforeItIsCompleteIsReportedAsTransient) {
  engine_.Feed(kCsdStall);
  engine_.Feed("[   20.100000] smp: csd: CSD lock (#9) got unstuck on CPU#00, CPU#01 released the lock.\n");
  engine_.Feed("[   20.200000] smp: csd: CSD lock (#3) got unstuck on CPU#02, CPU#01 released the lock.\n");
  engine_.Flush();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_TRUE(findings_[0].transient);
  EXPECT_TRUE(over_.empty());
}

TEST(Engine, AWholeLogShowsThatAStallIsOverHoweverMuchIsBetween) {
  std::string log(kCsdStall);
  for (int i = 0; i < 1000; ++i) log += fmt::format("[   21.{:06}] eth0: link is up\n", i);
  EXPECT_FALSE(Detect(log).at(0).transient);
  log += "[   30.000000] smp: csd: CSD lock (#3) got unstuck on CPU#02, CPU#01 released the lock.\n";
  EXPECT_TRUE(Detect(log).at(0).transient);
}

// A record is treated like its line on the console, except that its text is not parsed for prefixes.
TEST_F(EngineTest, RecordsGiveTheSameFindingsAsTheConsole) {
  for (std::string_view rest = kSoftLockup; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const size_t behind = line.find("] ") + 2;
    const double seconds = std::stod(std::string(line.substr(1, behind - 3)));
    engine_.FeedRecord({absl::Microseconds(std::lround(seconds * 1e6)), line.substr(behind)});
  }
  engine_.FeedRecord({absl::Seconds(11), "[   11.000000] Linux version of which a program wrote"});
  engine_.Flush();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].excerpt.substr(0, kSoftLockup.size()), kSoftLockup);
  EXPECT_EQ(findings_[0].title, Detect(kSoftLockup)[0].title);
}

TEST_F(EngineTest, RecordIsSplitIntoItsLines) {
  engine_.FeedRecord({absl::Seconds(5), "first\nKernel panic - not syncing: second"});
  engine_.Flush();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].title, "kernel panic: second");
}

TEST_F(EngineTest, FindingContainsTheDetailsOfTheReport) {
  engine_.Feed(Join({"[    9.000000] before\r\n", kSoftLockup, "[   11.000000] after\n"}));
  engine_.Finish();
  ASSERT_EQ(findings_.size(), 1u);
  const Finding& f = findings_[0];
  EXPECT_EQ(f.kind, Kind::kSoftLockup);
  EXPECT_EQ(f.title, "BUG: soft lockup in spin");
  EXPECT_THAT(f.alt_titles, ElementsAre("stall in spin", "BUG: soft lockup in sys_read"));
  EXPECT_EQ(f.start_offset, 23u);
  EXPECT_EQ(f.end_offset, 23u + kSoftLockup.size());
  EXPECT_EQ(f.excerpt, kSoftLockup);
  ASSERT_EQ(f.frames.size(), 3u);
  EXPECT_EQ(f.frames[0].function, "spin");
  EXPECT_EQ(f.frames[0].offset, 1u);
  EXPECT_EQ(f.frames[0].module, "lab");
  EXPECT_EQ(f.cpu, 1);
  EXPECT_EQ(f.task, "cat:77");
  EXPECT_EQ(f.seconds_stuck, 22u);
  EXPECT_EQ(f.taint, "Tainted: G W");
  EXPECT_EQ(f.kernel_release, "6.1.0-lab");
  EXPECT_FALSE(f.fatal);
  EXPECT_FALSE(f.corrupted);
}

TEST_F(EngineTest, HeaderIsReportedOnceItsLineIsComplete) {
  engine_.Feed(kSoftLockup.substr(0, 40));
  EXPECT_THAT(headers_, IsEmpty());
  engine_.Feed(kSoftLockup.substr(40, 60));
  EXPECT_THAT(findings_, IsEmpty());
  ASSERT_EQ(headers_.size(), 1u);
  const Finding& f = headers_[0];
  EXPECT_TRUE(f.open);
  EXPECT_EQ(f.kind, Kind::kSoftLockup);
  EXPECT_EQ(f.title, "BUG: soft lockup");
  EXPECT_EQ(f.cpu, 1);
  EXPECT_EQ(f.task, "cat:77");
  EXPECT_EQ(f.seconds_stuck, 22u);
  EXPECT_EQ(f.start_offset, 0u);
  EXPECT_EQ(f.end_offset, kHeader);
}

TEST_F(EngineTest, PanicAfterALockupBelongsToIt) {
  engine_.Feed(Join({kSoftLockup, "[   10.000007] message from a driver\n", kPanic}));
  ASSERT_EQ(findings_.size(), 1u) << "the report is complete at the end marker, without Flush";
  EXPECT_EQ(findings_[0].title, "BUG: soft lockup in spin");
  EXPECT_TRUE(findings_[0].fatal);
  EXPECT_THAT(findings_[0].alt_titles,
              ElementsAre("stall in spin", "BUG: soft lockup in sys_read", "kernel panic: softlockup: hung tasks"));
  EXPECT_THAT(findings_[0].excerpt, HasSubstr("message from a driver"));
}

TEST_F(EngineTest, PanicOfALockupDetectorAloneIsALockup) {
  engine_.Feed(kPanic);
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].kind, Kind::kSoftLockup);
  EXPECT_EQ(findings_[0].title, "BUG: soft lockup in corrupted");
  EXPECT_TRUE(findings_[0].corrupted);
  EXPECT_TRUE(findings_[0].fatal);
  EXPECT_THAT(findings_[0].alt_titles, IsEmpty()) << "without a stack, the cause is unknown";
}

TEST_F(EngineTest, ReportEndsAfterUnrelatedLines) {
  std::string other;
  for (int i = 0; i < 8; ++i) other += "[   12.000000] unrelated message\n";
  engine_.Feed(Join({kSoftLockup, other}));
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].end_offset, kSoftLockup.size());
  EXPECT_THAT(findings_[0].excerpt, Not(HasSubstr("unrelated")));
}

TEST_F(EngineTest, FlushClosesReportsAndKeepsTheUnfinishedLine) {
  engine_.Feed(Join({kSoftLockup.substr(0, kHeader), "[   11.000000] Kernel pa"}));
  engine_.Flush();
  EXPECT_THAT(Titles(), ElementsAre("BUG: soft lockup in corrupted"));
  engine_.Feed("nic - not syncing: VFS: unable 12\n");
  engine_.Finish();
  EXPECT_THAT(Titles(), ElementsAre("BUG: soft lockup in corrupted", "kernel panic: VFS: unable NUM"));
}

TEST_F(EngineTest, StackOfAnotherCpuDoesNotNameTheReport) {
  std::string log(kSoftLockup);
  log.replace(log.find("CPU#1"), 5, "CPU#2");
  engine_.Feed(log);
  engine_.Finish();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].title, "BUG: soft lockup in corrupted");
  EXPECT_TRUE(findings_[0].corrupted);
  EXPECT_EQ(findings_[0].cpu, 2);
}

TEST_F(EngineTest, CanaryIsNotReportedAsAFinding) {
  engine_.Feed(kCanary);
  engine_.Finish();
  EXPECT_THAT(canaries_, ElementsAre("0123456789abcdef"));
  EXPECT_THAT(headers_, IsEmpty());
  EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(EngineTest, CanaryWithinAReportDoesNotDisturbIt) {
  engine_.Feed(Join({kSoftLockup.substr(0, kHeader), kCanary, kSoftLockup.substr(kHeader)}));
  engine_.Finish();
  EXPECT_THAT(canaries_, ElementsAre("0123456789abcdef"));
  EXPECT_THAT(Titles(), ElementsAre("BUG: soft lockup in spin"));
}

TEST_F(EngineTest, UserTextIsIgnoredOnceTheKernelPrintsTimestamps) {
  engine_.Feed(Join({kBoot, "Kernel panic - not syncing: said a program\n"}));
  engine_.Finish();
  EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(EngineTest, KernelWithoutTimestampsIsSupported) {
  engine_.Feed("Linux version 6.1 (x) #1\nKernel panic - not syncing: out of things\n");
  engine_.Finish();
  EXPECT_THAT(Titles(), ElementsAre("kernel panic: out of things"));
}

TEST_F(EngineTest, UnannouncedBootsAreFindings) {
  engine_.Feed(Join({kBoot, kUp}));
  engine_.AnnounceBoot();
  engine_.Feed(Join({kBoot, kUpAgain}));
  EXPECT_THAT(findings_, IsEmpty());
  engine_.Feed(Join({kBoot, "[    0.123458] smpboot: CPU0: up\n"}));
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].kind, Kind::kUnexpectedReboot);
  const size_t third = 2 * (kBoot.size() + kUp.size());
  EXPECT_EQ(findings_[0].start_offset, third);
  EXPECT_EQ(findings_[0].end_offset, third + kBoot.find('\n') + 1);
}

TEST_F(EngineTest, BootCompletesThePreviousReport) {
  engine_.Feed(Join({kBoot, kUp, kSoftLockup, kBoot, kUpAgain}));
  EXPECT_THAT(Titles(), ElementsAre("BUG: soft lockup in spin", "unexpected reboot"));
}

TEST_F(EngineTest, ExcerptIsBoundedAndPrintable) {
  engine_.Feed("[    1.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cat:77]\n");
  for (int i = 0; i < 100000; ++i) engine_.Feed("[    1.000000]  spin+0x1/0x2 \x01\xff and more\n");
  engine_.Finish();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_LE(findings_[0].excerpt.size(), 16u * 1024);
  EXPECT_THAT(findings_[0].excerpt, Not(HasSubstr("\xff")));
  EXPECT_THAT(findings_[0].excerpt, HasSubstr("?? and more"));
}

TEST_F(EngineTest, NumberOfOpenReportsIsBounded) {
  for (int i = 0; i < 100; ++i) {
    engine_.Feed("[    1.000000][ T" + std::to_string(i) + "] BUG: scheduling while atomic: cat/7/0x1\n");
  }
  EXPECT_EQ(findings_.size(), 84u);
  engine_.Finish();
  EXPECT_EQ(findings_.size(), 100u);
}

class InvariantTest : public EngineTest {
 protected:
  InvariantTest() : EngineTest({.invariants = {{"trylock", "kexec_trylock() failed"}}, .announced_boots = 0}) {}
};

TEST_F(InvariantTest, EveryHitIsAFindingWithTheSameTitle) {
  constexpr std::string_view kHit = "[    5.000000] crash hp: 12 kexec_trylock() failed\n";
  engine_.Feed(Join({kHit, "kexec_trylock() failed, says a program\n", kHit}));
  EXPECT_THAT(Titles(), ElementsAre("crash hp: NUM kexec_trylock() failed", "crash hp: NUM kexec_trylock() failed"));
  EXPECT_THAT(findings_[0].alt_titles, ElementsAre("invariant trylock"));
  EXPECT_EQ(findings_[0].kind, Kind::kInvariant);
  EXPECT_EQ(findings_[0].end_offset, kHit.size());
  EXPECT_GT(findings_[1].start_offset, kHit.size());
}

TEST(Detect, FindingsDoNotDependOnWhereTheLogIsSplit) {
  const std::string log = Join({kBoot, kUp, kCanary, kSoftLockup, kPanic, kBoot, "\r\n", kUpAgain, kSoftLockup});
  const auto whole = Detect(log);
  ASSERT_EQ(whole.size(), 3u);
  for (size_t at = 1; at < log.size(); ++at) {
    std::vector<Finding> split;
    int canaries = 0;
    Engine engine({}, {.on_finding = [&](Finding f) { split.push_back(std::move(f)); },
                       .on_header = nullptr,
                       .on_canary = [&](std::string_view) { ++canaries; }});
    engine.Feed(std::string_view(log).substr(0, at));
    engine.Feed(std::string_view(log).substr(at));
    engine.Finish();
    EXPECT_EQ(canaries, 1) << at;
    ASSERT_EQ(split.size(), whole.size()) << at;
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(split[i].title, whole[i].title) << at;
      EXPECT_EQ(split[i].start_offset, whole[i].start_offset) << at;
      EXPECT_EQ(split[i].end_offset, whole[i].end_offset) << at;
      EXPECT_EQ(split[i].excerpt, whole[i].excerpt) << at;
    }
  }
}

}  // namespace
}  // namespace lk::detect
