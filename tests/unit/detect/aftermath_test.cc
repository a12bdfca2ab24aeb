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
  aftermath.Judge(before);
  EXPECT_THAT(before.alt_titles, IsEmpty()) << "no oops has been printed yet";
  Finding oops = FindingIn(Kind::kOops, "kernel BUG in f", "f");
  aftermath.Judge(oops);
  EXPECT_THAT(oops.alt_titles, IsEmpty());
  Finding other = Warning("Tainted: G W O");
  aftermath.Judge(other);
  EXPECT_THAT(other.alt_titles, IsEmpty()) << "the taint does not include an oops";
  Finding after = Warning("Tainted: G D W O");
  aftermath.Judge(after);
  EXPECT_THAT(after.alt_titles, ElementsAre("kernel BUG in f"));
  EXPECT_EQ(Fold({oops, after}).size(), 1u);
}

TEST(Aftermath, SecondOopsIsASeparateFinding) {
  Aftermath aftermath;
  Finding first = FindingIn(Kind::kOops, "kernel BUG in f", "f");
  Finding second = FindingIn(Kind::kOops, "kernel BUG in g", "g");
  second.taint = "Tainted: G D O";
  aftermath.Judge(first);
  aftermath.Judge(second);
  EXPECT_EQ(Fold({first, second}).size(), 2u);
}

TEST(Aftermath, DeathInAtomicContextBelongsToTheEarlierReportOfTheTask) {
  Aftermath aftermath;
  Finding sleep = FindingIn(Kind::kSleepInAtomic, "BUG: scheduling while atomic in f", "f");
  sleep.task = "cat:7";
  aftermath.Judge(sleep);
  Finding other = FindingIn(Kind::kSleepInAtomic, "BUG: scheduling while atomic in do_task_dead", "do_task_dead");
  Finding end = other;
  other.task = "dog:8";
  end.task = "cat:7";
  aftermath.Judge(end);
  EXPECT_THAT(end.alt_titles, ElementsAre(sleep.title));
  aftermath.Judge(other);
  EXPECT_THAT(other.alt_titles, IsEmpty());
}

TEST(Aftermath, LockupOfAWaitingStopperIsAConsequenceOfTheStuckCpu) {
  Aftermath aftermath;
  Finding alone = FindingIn(Kind::kSoftLockup, "BUG: soft lockup in cpu_stopper_thread", "cpu_stopper_thread");
  alone.cpu = 1;
  Finding waits = alone;
  aftermath.Judge(alone);
  EXPECT_THAT(alone.alt_titles, IsEmpty());
  Finding again = waits;
  aftermath.Judge(again);
  EXPECT_THAT(again.alt_titles, IsEmpty()) << "the earlier lockup is on the same CPU";
  Finding stuck = FindingIn(Kind::kSoftLockup, "BUG: soft lockup in f", "f");
  stuck.cpu = 0;
  aftermath.Judge(stuck);
  aftermath.Judge(waits);
  EXPECT_THAT(waits.alt_titles, ElementsAre("BUG: soft lockup in f"));
}

}  // namespace
}  // namespace lk::detect
