// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/mutation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lk/v1/scenario.pb.h"
#include "tests/unit/campaign/descriptors.h"

namespace lk::campaign {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

campaign::Run Control(const std::string& id, RunState state, Verdict verdict, const std::string& kernel = "k1") {
  campaign::Run run;
  run.id = id;
  run.kernel_id = kernel;
  run.kernel_release = "6.12-" + kernel;
  run.scenario = "swarm";
  run.profile = "dimm";
  run.state = state;
  run.verdict = verdict;
  run.reason = "reason of " + id;
  run.control = true;
  return run;
}
campaign::Run Done(const std::string& id, Verdict verdict, const std::string& kernel = "k1") {
  return Control(id, RunState::kDone, verdict, kernel);
}
campaign::Run Cancelled(const std::string& id) {
  campaign::Run run = Done(id, Verdict::kSkip);
  run.ending = Ending{Ending::Kind::kCancelled, "", {}, {}};
  return run;
}
campaign::Run Superseded(const std::string& id) {
  campaign::Run run = Done(id, Verdict::kError);
  run.superseded = true;
  return run;
}

TEST(StateOf, FollowsFromTheVerdict) {
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kFail)), ControlState::kKilled);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kPass)), ControlState::kSurvived);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kUnproven)), ControlState::kSurvived);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kError)), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kMiss)), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kSkip)), ControlState::kSkipped);
  EXPECT_EQ(StateOf(Cancelled("c-1")), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Superseded("c-1")), ControlState::kSkipped);
  EXPECT_EQ(StateOf(Control("c-1", RunState::kRunning, Verdict::kError)), ControlState::kPending);
}

// "state: reason" of the only mutant in these runs.
std::string Together(const std::vector<campaign::Run>& runs) {
  const std::vector<Mutant> mutants = Mutants(runs);
  return mutants.size() == 1 ? std::string(ToString(mutants[0].state)) + ": " + mutants[0].reason : "not exactly one";
}

TEST(Mutants, HaveTheStateOfTheirWorstRun) {
  const campaign::Run killed = Done("c-1", Verdict::kFail);
  EXPECT_EQ(Together({Superseded("c-0"), killed, Done("c-2", Verdict::kFail)}), "killed: reason of c-1");
  EXPECT_EQ(Together({Done("c-0", Verdict::kSkip), killed}), "killed: reason of c-1");
  EXPECT_EQ(Together({killed, Cancelled("c-2")}), "undecided: reason of c-2");
  EXPECT_EQ(Together({killed, Control("c-2", RunState::kQueued, Verdict::kError)}), "pending: reason of c-2");
  EXPECT_EQ(Together({killed, Done("c-2", Verdict::kPass), Control("c-3", RunState::kQueued, Verdict::kError)}),
            "survived: reason of c-2");
  EXPECT_EQ(Together({Done("c-1", Verdict::kSkip)}), "skipped: reason of c-1");
  EXPECT_EQ(Together({}), "not exactly one");
}

TEST(Score, LeavesOutSkippedAndPendingMutants) {
  campaign::Run kernel = Done("c-9", Verdict::kFail, "k9");
  kernel.control = false;
  const auto mutants =
      Mutants({Done("c-1", Verdict::kFail, "k1"), Superseded("c-1.1"), Done("c-2", Verdict::kPass, "k2"),
               Done("c-3", Verdict::kMiss, "k3"), Done("c-4", Verdict::kSkip, "k4"),
               Control("c-5", RunState::kQueued, Verdict::kError, "k5"), Done("c-6", Verdict::kFail, "k1"), kernel});
  ASSERT_EQ(mutants.size(), 5u);
  EXPECT_EQ(mutants[0].kernel_id, "k1");
  EXPECT_EQ(mutants[0].kernel_release, "6.12-k1");
  EXPECT_EQ(mutants[0].scenario, "swarm");
  EXPECT_THAT(mutants[0].run_ids, ElementsAre("c-1", "c-6"));
  EXPECT_EQ(Score(mutants).killed, 1u);
  EXPECT_EQ(Score(mutants).all, 3u);
}

std::string DoubtAfter(const std::vector<campaign::Run>& controls, PositiveControls rule, bool has_mutant = true) {
  Proof proof;
  for (const campaign::Run& control : controls) {
    proof.Begin();
    EXPECT_TRUE(proof.open());
    if (control.state == RunState::kDone) proof.End(control);
  }
  campaign::Run pass;
  pass.scenario = "swarm";
  pass.profile = "dimm";
  v1::ScenarioDescriptor descriptor;
  if (has_mutant) descriptor.add_mutant();
  return proof.Doubt(pass, rule, descriptor);
}

TEST(Proof, NamesTheReasonForDoubt) {
  const campaign::Run killed = Done("c-1", Verdict::kFail);
  EXPECT_EQ(DoubtAfter({killed, Done("c-2", Verdict::kSkip), Superseded("c-3")}, PositiveControls::kRequire), "");
  EXPECT_EQ(DoubtAfter({killed, Cancelled("c-2"), Done("c-3", Verdict::kPass, "k3")}, PositiveControls::kAuto),
            "the mutant 6.12-k3 survived this scenario on this profile (run c-3)");
  EXPECT_EQ(DoubtAfter({killed, Done("c-2", Verdict::kMiss)}, PositiveControls::kAuto),
            "the mutant 6.12-k1 gave no result for this scenario on this profile (run c-2: miss)");
  EXPECT_THAT(DoubtAfter({Cancelled("c-2")}, PositiveControls::kAuto), HasSubstr("(run c-2: cancelled)"));
  EXPECT_THAT(DoubtAfter({Control("c-1", RunState::kRunning, Verdict::kError)}, PositiveControls::kAuto),
              HasSubstr("cancelled before"));
}

TEST(Proof, IsRequiredOnlyIfThereIsAMutant) {
  EXPECT_EQ(DoubtAfter({}, PositiveControls::kAuto), "");
  EXPECT_EQ(DoubtAfter({}, PositiveControls::kOff), "");
  EXPECT_EQ(DoubtAfter({}, PositiveControls::kRequire, false), "");
  EXPECT_EQ(DoubtAfter({Done("c-1", Verdict::kSkip)}, PositiveControls::kRequire),
            "positiveControls: require, but no mutant of swarm ran on dimm");
}

TEST(CampaignVerdict, DependsOnControlsOnlyIfThereAreNoOtherRuns) {
  campaign::Run pass = Done("c-1", Verdict::kPass);
  pass.control = false;
  const campaign::Run killed = Done("c-2", Verdict::kFail);
  const campaign::Run survived = Done("c-3", Verdict::kPass);
  EXPECT_EQ(CampaignVerdict({pass, killed, survived}), Verdict::kPass);
  EXPECT_EQ(Count({pass, killed, survived, Superseded("c-4")}).controls, 2u);
  EXPECT_EQ(Count({pass, killed, survived}).total, 1u);
  EXPECT_EQ(CampaignVerdict({killed}), Verdict::kPass);
  EXPECT_EQ(CampaignVerdict({killed, survived}), Verdict::kUnproven);
  EXPECT_EQ(CampaignVerdict({killed, Cancelled("c-4")}), Verdict::kUnproven);
  EXPECT_EQ(CampaignVerdict({Done("c-1", Verdict::kSkip)}), Verdict::kSkip);
  EXPECT_EQ(CampaignVerdict(std::vector<campaign::Run>()), Verdict::kError);
}

}  // namespace
}  // namespace lk::campaign
