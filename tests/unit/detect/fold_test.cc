// SPDX-License-Identifier: Apache-2.0
#include "server/detect/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace lk::detect {
namespace {

using testing::ElementsAre;

uint64_t next_offset = 0;

Finding FindingAt(Kind kind, std::string title, std::vector<std::string> alt_titles = {}) {
  Finding finding;
  finding.kind = kind;
  finding.title = std::move(title);
  finding.alt_titles = std::move(alt_titles);
  finding.function = "f";
  finding.start_offset = next_offset++;
  return finding;
}

Finding BarePanic(Kind kind, std::string title) {
  Finding panic = FindingAt(kind, std::move(title));
  panic.fatal = true;
  panic.function.clear();
  return panic;
}

std::vector<std::string> Titles(const std::vector<Finding>& findings) {
  std::vector<std::string> titles;
  for (const Finding& finding : findings) titles.push_back(finding.title);
  return titles;
}

TEST(Fold, OneHangInThreeReportsIsOneFinding) {
  std::vector<Finding> findings;
  findings.push_back(FindingAt(Kind::kRcuStall, "INFO: rcu detected stall in sys_write", {"stall in sys_write"}));
  findings.push_back(FindingAt(Kind::kSoftLockup, "BUG: soft lockup in sys_write", {"stall in sys_write"}));
  findings.push_back(FindingAt(Kind::kSoftLockup, "BUG: soft lockup in sys_write", {"stall in sys_write"}));
  findings.back().fatal = true;
  findings.back().seconds_stuck = 44;
  const auto folded = Fold(std::move(findings));
  ASSERT_EQ(folded.size(), 1u);
  EXPECT_EQ(folded[0].kind, Kind::kRcuStall);
  EXPECT_THAT(folded[0].alt_titles, ElementsAre("stall in sys_write", "BUG: soft lockup in sys_write"));
  EXPECT_EQ(folded[0].count, 3u);
  EXPECT_EQ(folded[0].seconds_stuck, 44u);
  EXPECT_TRUE(folded[0].fatal);
}

TEST(Fold, ConsequencesOfAStuckCpuAreNotSeparateFindings) {
  Finding stall = FindingAt(Kind::kRcuStall, "INFO: rcu detected stall in sys_write", {"stall in sys_write"});
  stall.cpu = 1;
  Finding pool = FindingAt(Kind::kWorkqueueLockup, "BUG: workqueue lockup in drain_fn", {"stall in drain_fn"});
  pool.cpu = 1;
  Finding waiter = FindingAt(Kind::kHungTask, "INFO: task hung in sys_membarrier", {"hang in sys_membarrier"});
  waiter.frames = {{"schedule", 1, "", ""}, {"__wait_rcu_gp", 1, "", ""}, {"synchronize_rcu", 1, "", ""}};
  const auto folded = Fold({stall, pool, waiter});
  ASSERT_EQ(folded.size(), 1u);
  EXPECT_EQ(folded[0].title, stall.title);
  EXPECT_EQ(folded[0].count, 3u);
  std::swap(stall.start_offset, pool.start_offset);
  EXPECT_THAT(Titles(Fold({stall, pool})), ElementsAre(pool.title)) << "the first finding is kept";

  pool.cpu = 0;
  waiter.frames = {{"schedule", 1, "", ""}, {"io_schedule", 1, "", ""}, {"ksys_read", 1, "", ""}};
  EXPECT_EQ(Fold({stall, pool, waiter}).size(), 3u) << "a pool of a different CPU and a task that waits for a disk are "
                                                       "not consequences of the stall";
  pool.cpu = stall.cpu = -1;
  EXPECT_EQ(Fold({stall, pool}).size(), 2u) << "an unbound pool does not depend on the stuck CPU";
}

TEST(Fold, LaterFindingMayShowThatEarlierOnesShareACause) {
  EXPECT_THAT(Titles(Fold({FindingAt(Kind::kSoftLockup, "BUG: soft lockup in caller", {"stall in caller"}),
                           FindingAt(Kind::kWarning, "WARNING in g"),
                           FindingAt(Kind::kRcuStall, "INFO: rcu detected stall in handler", {"stall in handler"}),
                           FindingAt(Kind::kCsdStall, "BUG: CSD lock stall in handler",
                                     {"stall in handler", "stall in caller"})})),
              ElementsAre("BUG: soft lockup in caller", "WARNING in g"));
}

TEST(Fold, PanicOfADetectorBelongsToItsLastReport) {
  const auto folded = Fold({FindingAt(Kind::kHungTask, "INFO: task hung in a", {"hang in a"}),
                            FindingAt(Kind::kHungTask, "INFO: task hung in b", {"hang in b"}),
                            BarePanic(Kind::kHungTask, "kernel panic: hung_task: blocked tasks")});
  ASSERT_THAT(Titles(folded), ElementsAre("INFO: task hung in a", "INFO: task hung in b"));
  EXPECT_FALSE(folded[0].fatal);
  EXPECT_TRUE(folded[1].fatal);
}

TEST(Fold, PanicOfADetectorBelongsToItsReportEvenIfAnotherDetectorReportedFirst) {
  std::vector<Finding> findings;
  findings.push_back(FindingAt(Kind::kRcuStall, "INFO: rcu detected stall in f", {"stall in f"}));
  findings.push_back(FindingAt(Kind::kSoftLockup, "BUG: soft lockup in f", {"stall in f"}));
  findings.push_back(BarePanic(Kind::kSoftLockup, "BUG: soft lockup in corrupted"));
  findings.back().corrupted = true;
  const auto folded = Fold(std::move(findings));
  ASSERT_EQ(folded.size(), 1u);
  EXPECT_TRUE(folded[0].fatal);
  EXPECT_THAT(folded[0].alt_titles, ElementsAre("stall in f", "BUG: soft lockup in f"));
}

TEST(Fold, PanicAfterAnOopsOrWarningBelongsToIt) {
  EXPECT_THAT(Titles(Fold({FindingAt(Kind::kOops, "kernel BUG in f"),
                           BarePanic(Kind::kPanic, "kernel panic: Fatal exception")})),
              ElementsAre("kernel BUG in f"));
  EXPECT_THAT(Titles(Fold({FindingAt(Kind::kWarning, "WARNING in f"),
                           BarePanic(Kind::kPanic, "kernel panic: kernel: panic_on_warn set ...")})),
              ElementsAre("WARNING in f"));
  EXPECT_EQ(
      Fold({FindingAt(Kind::kWarning, "WARNING in f"), BarePanic(Kind::kPanic, "kernel panic: Out of memory")}).size(),
      2u);
}

TEST(Fold, AnOopsTakesThePlaceOfTheWarningThatAnnouncesIt) {
  Finding warning = FindingAt(Kind::kWarning, "WARNING in f");
  Finding oops = FindingAt(Kind::kOops, "kernel BUG in f");
  warning.task = oops.task = "cat:7";
  warning.end_offset = oops.start_offset;
  const auto folded = Fold({warning, oops});
  ASSERT_THAT(Titles(folded), ElementsAre("kernel BUG in f"));
  EXPECT_EQ(folded[0].kind, Kind::kOops);
  EXPECT_EQ(folded[0].count, 2u);
  EXPECT_THAT(folded[0].alt_titles, ElementsAre("WARNING in f"));

  EXPECT_THAT(Titles(Fold({FindingAt(Kind::kWarning, "WARNING in f"), warning, oops})), ElementsAre("kernel BUG in f"))
      << "an earlier warning is the same problem";
  Finding elsewhere = oops;
  elsewhere.function = "g";
  Finding of_another = oops;
  of_another.task = "dog:8";
  Finding later = oops;
  ++later.start_offset;
  for (const Finding& other : {elsewhere, of_another, later}) EXPECT_EQ(Fold({warning, other}).size(), 2u);
}

TEST(Fold, OopsesWithTheSamePanicAreNotMerged) {
  EXPECT_EQ(Fold({FindingAt(Kind::kOops, "kernel BUG in f", {"kernel panic: Fatal exception"}),
                  FindingAt(Kind::kOops, "kernel BUG in g", {"kernel panic: Fatal exception"})})
                .size(),
            2u);
}

// Others know all of these reports by the same title.
TEST(Fold, LockupsOfDifferentWorkFunctionsAreNotMerged) {
  EXPECT_EQ(
      Fold({FindingAt(Kind::kWorkqueueLockup, "BUG: workqueue lockup in f", {"stall in f", "BUG: workqueue lockup"}),
            FindingAt(Kind::kWorkqueueLockup, "BUG: workqueue lockup in g", {"stall in g", "BUG: workqueue lockup"})})
          .size(),
      2u);
}

TEST(Fold, StallsInTheSameSystemCallAreNotMerged) {
  EXPECT_EQ(
      Fold({FindingAt(Kind::kSoftLockup, "BUG: soft lockup in f", {"stall in f", "BUG: soft lockup in sys_ioctl"}),
            FindingAt(Kind::kSoftLockup, "BUG: soft lockup in g", {"stall in g", "BUG: soft lockup in sys_ioctl"})})
          .size(),
      2u);
}

TEST(Fold, StacksOfOtherCpusAreMerged) {
  Finding first = FindingAt(Kind::kSoftLockup, "BUG: soft lockup in f");
  first.cpu = 0;
  first.others = {{.cpu = 1, .task = "a:1", .function = "a", .frames = {}}};
  Finding second = FindingAt(Kind::kSoftLockup, "BUG: soft lockup in f");
  second.others = {{.cpu = 0, .task = "f:1", .function = "f", .frames = {}},
                   {.cpu = 1, .task = "b:1", .function = "b", .frames = {}},
                   {.cpu = 2, .task = "c:1", .function = "c", .frames = {}}};
  const auto folded = Fold({std::move(first), std::move(second)});
  ASSERT_EQ(folded.size(), 1u);
  ASSERT_EQ(folded[0].others.size(), 2u);
  EXPECT_EQ(folded[0].others[0].function, "a");
  EXPECT_EQ(folded[0].others[1].function, "c");
}

TEST(Fold, AStallIsKnownIfAnyOfItsReportsIs) {
  Finding rcu = FindingAt(Kind::kRcuStall, "INFO: rcu detected stall in f", {"stall in f"});
  Finding soft = FindingAt(Kind::kSoftLockup, "BUG: soft lockup in f", {"stall in f"});
  soft.known = "reported";
  EXPECT_EQ(Fold({rcu, soft}).at(0).known, "reported");
  Finding oops = FindingAt(Kind::kOops, "BUG in f");
  Finding warning = FindingAt(Kind::kWarning, "WARNING in g", {"BUG in f"});
  warning.known = "reported";
  ASSERT_EQ(Fold({oops, warning}).size(), 1u);
  EXPECT_EQ(Fold({oops, warning})[0].known, "") << "a known consequence does not make its cause known";
}

}  // namespace
}  // namespace lk::detect
