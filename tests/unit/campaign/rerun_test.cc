// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/rerun.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::campaign {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

campaign::Run DoneRun(const std::string& kernel, const std::string& scenario, Verdict verdict, uint32_t repeat = 1) {
  campaign::Run run;
  run.kernel_id = kernel;
  run.profile = "small";
  run.scenario = scenario;
  run.repeat = repeat;
  run.state = RunState::kDone;
  run.verdict = verdict;
  run.seed = static_cast<uint32_t>(100 * kernel.size() + 10 * scenario.size() + repeat);
  return run;
}
campaign::Run ControlRun(const std::string& kernel, const std::string& scenario, Verdict verdict) {
  campaign::Run run = DoneRun(kernel, scenario, verdict);
  run.control = true;
  if (verdict == Verdict::kFail) run.symptom = "invariant";
  return run;
}
// The same cells, to be run again.
std::vector<campaign::Run> Expanded(std::vector<campaign::Run> runs) {
  for (campaign::Run& run : runs) {
    run.state = RunState::kQueued;
    run.seed = 0;
  }
  return runs;
}
// "kernel scenario repeat" of each.
std::vector<std::string> CellWords(const std::vector<campaign::Run>& runs) {
  std::vector<std::string> words;
  words.reserve(runs.size());
  for (const campaign::Run& run : runs) {
    words.push_back(run.kernel_id + " " + run.scenario + " " + std::to_string(run.repeat));
  }
  return words;
}

TEST(RunsToRepeat, AreAllRunsWithTheirSeeds) {
  const std::vector<campaign::Run> earlier = {DoneRun("a", "x", Verdict::kPass), DoneRun("bb", "x", Verdict::kFail),
                                              DoneRun("a", "x", Verdict::kPass, 2)};
  const std::vector<campaign::Run> again = RunsToRepeat(earlier, Expanded(earlier), false);
  EXPECT_THAT(CellWords(again), ElementsAre("a x 1", "bb x 1", "a x 2"));
  for (size_t i = 0; i < again.size(); ++i) EXPECT_EQ(again[i].seed, earlier[i].seed);
}

TEST(RunsToRepeat, CanBeAllRepeatsOfCellsThatDidNotPass) {
  const std::vector<campaign::Run> earlier = {
      DoneRun("a", "pass", Verdict::kPass),    DoneRun("a", "fail", Verdict::kFail),
      DoneRun("a", "fail", Verdict::kPass, 2), DoneRun("a", "error", Verdict::kError),
      DoneRun("a", "miss", Verdict::kMiss),    DoneRun("a", "unproven", Verdict::kUnproven),
      DoneRun("a", "skip", Verdict::kSkip),    DoneRun("bb", "fail", Verdict::kPass)};
  EXPECT_THAT(CellWords(RunsToRepeat(earlier, Expanded(earlier), true)),
              ElementsAre("a fail 1", "a fail 2", "a error 1", "a miss 1", "a unproven 1"));
}

TEST(RunsToRepeat, DoNotDependOnSupersededAttempts) {
  campaign::Run first = DoneRun("a", "x", Verdict::kError);
  first.superseded = true;
  const std::vector<campaign::Run> earlier = {first, DoneRun("a", "x", Verdict::kPass)};
  EXPECT_THAT(RunsToRepeat(earlier, Expanded({earlier[1]}), true), IsEmpty());
}

TEST(RunsToRepeat, IncludeCancelledRuns) {
  campaign::Run run = DoneRun("a", "x", Verdict::kSkip);
  run.ending = Ending{Ending::Kind::kCancelled, "", {}, {}};
  EXPECT_THAT(CellWords(RunsToRepeat({run}, Expanded({run}), true)), ElementsAre("a x 1"));
}

TEST(RunsToRepeat, IncludeControlsThatSurvivedOrWhoseScenarioFailed) {
  const std::vector<campaign::Run> earlier = {
      ControlRun("killed", "x", Verdict::kFail), ControlRun("survived", "y", Verdict::kPass),
      ControlRun("other", "z", Verdict::kFail),  DoneRun("a", "x", Verdict::kFail),
      DoneRun("a", "y", Verdict::kSkip),         DoneRun("a", "z", Verdict::kPass)};
  EXPECT_THAT(CellWords(RunsToRepeat(earlier, Expanded(earlier), true)),
              ElementsAre("killed x 1", "survived y 1", "a x 1"));
}

TEST(RunsToRepeat, IncludeTheSiblingsOfControls) {
  campaign::Run sibling = DoneRun("base", "x", Verdict::kPass);
  sibling.sibling = true;
  const std::vector<campaign::Run> earlier = {ControlRun("survived", "x", Verdict::kPass), sibling,
                                              DoneRun("other", "x", Verdict::kPass)};
  EXPECT_THAT(CellWords(RunsToRepeat(earlier, Expanded(earlier), true)), ElementsAre("survived x 1", "base x 1"));
}

TEST(KernelsOf, ListsEachKernelOnceInOrder) {
  EXPECT_THAT(KernelsOf({DoneRun("b", "x", Verdict::kPass), DoneRun("a", "x", Verdict::kPass),
                         DoneRun("b", "y", Verdict::kPass)}),
              ElementsAre("b", "a"));
}

}  // namespace
}  // namespace lk::campaign
