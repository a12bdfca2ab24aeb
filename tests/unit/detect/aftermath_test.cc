// SPDX-License-Identifier: Apache-2.0
#include "server/detect/aftermath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/detect/fold.h"

namespace lk::detect {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Finding FindingIn(Kind kind, std::string title, std::string function) {
  Finding finding;
  finding.kind = kind;
  finding.title = std::move(title);
  finding.function = std::move(function);
  finding.taint = "Tainted: G O";
  return finding;
}

Finding Warning(std::string taint) {
  Finding finding = FindingIn(Kind::kWarning, "WARNING in ct_kernel_exit", "ct_kernel_exit");
  finding.taint = std::move(taint);
  return finding;
}

TEST(Aftermath, WarningAfterAnOopsIsAConsequenceOfIt) {
  Aftermath aftermath;
  Finding before = Warning("Tainted: G D O");
  aftermath.Judge(before, 0);
  EXPECT_THAT(before.alt_titles, IsEmpty()) << "no oops has been printed yet";
  Finding oops = FindingIn(Kind::kOops, "kernel BUG in f", "f");
  aftermath.Judge(oops, 0);
  EXPECT_THAT(oops.alt_titles, IsEmpty());
  Finding other = Warning("Tainted: G W O");
  aftermath.Judge(other, 0);
  EXPECT_THAT(other.alt_titles, IsEmpty()) << "the taint does not include an oops";
  Finding after = Warning("Tainted: G D W O");
  aftermath.Judge(after, 0);
  EXPECT_THAT(after.alt_titles, ElementsAre("kernel BUG in f"));
  EXPECT_EQ(Fold({oops, after}).size(), 1u);
}

TEST(Aftermath, SecondOopsIsASeparateFinding) {
  Aftermath aftermath;
  Finding first = FindingIn(Kind::kOops, "kernel BUG in f", "f");
  Finding second = FindingIn(Kind::kOops, "kernel BUG in g", "g");
  second.taint = "Tainted: G D O";
  aftermath.Judge(first, 0);
  aftermath.Judge(second, 0);
  EXPECT_EQ(Fold({first, second}).size(), 2u);
}

TEST(Aftermath, DeathInAtomicContextBelongsToTheEarlierReportOfTheTask) {
  Aftermath aftermath;
  Finding sleep = FindingIn(Kind::kSleepInAtomic, "BUG: scheduling while atomic in f", "f");
  sleep.task = "cat:7";
  aftermath.Judge(sleep, 0);
  Finding other = FindingIn(Kind::kSleepInAtomic, "BUG: scheduling while atomic in do_task_dead", "do_task_dead");
  Finding end = other;
  other.task = "dog:8";
  end.task = "cat:7";
  aftermath.Judge(end, 0);
  EXPECT_THAT(end.alt_titles, ElementsAre(sleep.title));
  aftermath.Judge(other, 0);
  EXPECT_THAT(other.alt_titles, IsEmpty());
}

TEST(Aftermath, LockupOfAWaitingStopperIsAConsequenceOfTheStuckCpu) {
  Aftermath aftermath;
  Finding alone = FindingIn(Kind::kSoftLockup, "BUG: soft lockup in cpu_stopper_thread", "cpu_stopper_thread");
  alone.cpu = 1;
  Finding waits = alone;
  aftermath.Judge(alone, 0);
  EXPECT_THAT(alone.alt_titles, IsEmpty());
  Finding again = waits;
  aftermath.Judge(again, 0);
  EXPECT_THAT(again.alt_titles, IsEmpty()) << "the earlier lockup is on the same CPU";
  Finding stuck = FindingIn(Kind::kSoftLockup, "BUG: soft lockup in f", "f");
  stuck.cpu = 0;
  aftermath.Judge(stuck, 0);
  aftermath.Judge(waits, 0);
  EXPECT_THAT(waits.alt_titles, ElementsAre("BUG: soft lockup in f"));
}

TEST(Aftermath, WhatATaskReportsWithinASecondIsAboutOneCall) {
  constexpr int64_t kSecond = 1'000'000;
  struct Case {
    std::string_view what;
    std::string task;
    Kind kind;
    std::string title;
    int64_t later;
    bool consequence;
  };
  const Case cases[] = {
      {"a use after free of a lock that was freed while held", "cat:7", Kind::kSanitizer,
       "KASAN: use-after-free Read in g", kSecond / 2, true},
      {"another task", "dog:8", Kind::kSanitizer, "KASAN: use-after-free Read in g", kSecond / 2, false},
      {"later", "cat:7", Kind::kSanitizer, "KASAN: use-after-free Read in g", 2 * kSecond, false},
      {"a stall is not about a call", "cat:7", Kind::kSoftLockup, "BUG: soft lockup in g", kSecond / 2, false},
  };
  for (const Case& c : cases) {
    Aftermath aftermath;
    Finding freed = FindingIn(Kind::kLockdep, "WARNING: held lock freed in f", "f");
    freed.task = "cat:7";
    aftermath.Judge(freed, 9 * kSecond);
    Finding next = FindingIn(c.kind, c.title, "g");
    next.task = c.task;
    aftermath.Judge(next, 9 * kSecond + c.later);
    EXPECT_EQ(next.alt_titles.empty(), !c.consequence) << c.what;
  }
}

TEST(Aftermath, IdleTasksWorkersAndInitDoManyThings) {
  for (const char* const task : {"swapper/1:0", "swapper/0:1", "init:1", "kworker/1:2:77"}) {
    Aftermath aftermath;
    Finding first = FindingIn(Kind::kWarning, "WARNING in f", "f");
    Finding second = FindingIn(Kind::kWarning, "WARNING in g", "g");
    first.task = second.task = task;
    aftermath.Judge(first, 1000);
    aftermath.Judge(second, 2000);
    EXPECT_THAT(second.alt_titles, IsEmpty()) << task;
  }
}

TEST(Aftermath, AMemoryErrorIsNotExplainedByAWarning) {
  Aftermath aftermath;
  Finding warning = FindingIn(Kind::kWarning, "WARNING in f", "f");
  Finding oops = FindingIn(Kind::kOops, "general protection fault in g", "g");
  warning.task = oops.task = "cat:7";
  aftermath.Judge(warning, 1000);
  aftermath.Judge(oops, 2000);
  EXPECT_THAT(oops.alt_titles, IsEmpty());
}

TEST(Aftermath, ATaskReportsNothingNewAfterItsOops) {
  Aftermath aftermath;
  Finding oops = FindingIn(Kind::kOops, "kernel BUG in f", "f");
  oops.task = "cat:7";
  aftermath.Judge(oops, 1'000'000);
  Finding lockdep = FindingIn(Kind::kLockdep, "possible deadlock in console_lock", "console_lock");
  Finding other = lockdep;
  lockdep.task = "cat:7";
  other.task = "dog:8";
  aftermath.Judge(lockdep, 9'000'000);
  aftermath.Judge(other, 9'000'000);
  EXPECT_THAT(lockdep.alt_titles, ElementsAre("kernel BUG in f"));
  EXPECT_THAT(other.alt_titles, IsEmpty());
}

TEST(Aftermath, PendingSoftirqsAreAConsequenceOfAStall) {
  Aftermath aftermath;
  Finding pending = FindingIn(Kind::kWarning, "NOHZ tick-stop error: local softirq work is pending", "");
  Finding alone = pending;
  aftermath.Judge(alone, 0);
  EXPECT_THAT(alone.alt_titles, IsEmpty());
  Finding stall = FindingIn(Kind::kRcuStall, "INFO: rcu detected stall in f", "f");
  aftermath.Judge(stall, 0);
  aftermath.Judge(pending, 0);
  EXPECT_THAT(pending.alt_titles, ElementsAre("INFO: rcu detected stall in f"));
}

}  // namespace
}  // namespace lk::detect
