// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/mutation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "agent/scenarios/descriptors.h"
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
// A run that fails shows a symptom of its mutant.
campaign::Run Done(const std::string& id, Verdict verdict, const std::string& kernel = "k1") {
  campaign::Run run = Control(id, RunState::kDone, verdict, kernel);
  if (verdict == Verdict::kFail) run.symptom = "invariant trylock";
  run.unmutated = "k0";
  return run;
}
// Failed, but not with a symptom of its mutant.
campaign::Run Otherwise(const std::string& id) {
  campaign::Run run = Done(id, Verdict::kFail);
  run.symptom.clear();
  return run;
}
// A run of the unmutated kernel.
campaign::Run Sibling(Verdict verdict, RunState state = RunState::kDone) {
  campaign::Run run = Control("c-0", state, verdict, "k0");
  run.control = false;
  run.sibling = true;
  return run;
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
  EXPECT_EQ(StateOf(Otherwise("c-1")), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kPass)), ControlState::kSurvived);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kUnproven)), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kError)), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kMiss)), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Done("c-1", Verdict::kSkip)), ControlState::kSkipped);
  EXPECT_EQ(StateOf(Cancelled("c-1")), ControlState::kUndecided);
  EXPECT_EQ(StateOf(Superseded("c-1")), ControlState::kSkipped);
  EXPECT_EQ(StateOf(Control("c-1", RunState::kRunning, Verdict::kError)), ControlState::kPending);
}

TEST(FindSymptom, DoesNotCountWhatMayFollowFromAnotherFailure) {
  const v1::ScenarioDescriptor descriptor =
      Descriptor(R"(name: "swarm" mutants { name: "mutex" symptoms { invariant: "trylock" } })");
  campaign::Run run = Done("c-1", Verdict::kFail);
  run.mutation = "mutex";
  Finding first, second;
  first.phase = second.phase = "running";
  second.title = "invariant trylock";
  const auto symptom_after = [&](detect::Kind kind) {
    first.kind = kind;
    run.findings = {first, second};
    return FindSymptom(run, descriptor);
  };
  for (const auto kind : {detect::Kind::kOops, detect::Kind::kPanic, detect::Kind::kSanitizer}) {
    EXPECT_EQ(symptom_after(kind), "") << ToString(kind);
  }
  EXPECT_EQ(symptom_after(detect::Kind::kWarning), "invariant trylock");
  first.tolerated = true;
  EXPECT_EQ(symptom_after(detect::Kind::kOops), "invariant trylock");
  first.tolerated = false;
  run.findings = {second, first};
  EXPECT_EQ(FindSymptom(run, descriptor), "invariant trylock") << "the other failure came later";
}

TEST(FindSymptom, DoesNotCountWhatMayFollowFromAFaultOfTheEmulation) {
  const v1::ScenarioDescriptor descriptor =
      Descriptor(R"(name: "swarm" mutants { name: "mutex" symptoms { invariant: "trylock" } })");
  campaign::Run run = Done("c-1", Verdict::kFail);
  run.mutation = "mutex";
  run.findings.resize(2);
  for (Finding& finding : run.findings) finding.phase = "running";
  run.findings[0].kind = detect::Kind::kRcuStall;
  run.findings[0].function = "default_idle";
  run.findings[1].title = "invariant trylock";
  for (const auto& [accelerator, symptom] : {std::pair("kvm", "invariant trylock"), std::pair("tcg", "")}) {
    run.accelerator = accelerator;
    EXPECT_EQ(FindSymptom(run, descriptor), symptom) << accelerator;
  }
}

TEST(FindSymptom, RequiresTheInvariantOrAFunction) {
  const v1::ScenarioDescriptor descriptor = Descriptor(R"(
    name: "swarm"
    mutants { name: "mutex" symptoms { invariant: "trylock" } }
    mutants { name: "lock" symptoms { kinds: [ "soft_lockup", "csd_stall" ] functions: [ "accept", "wait" ] } }
  )");
  const auto symptom = [&](const std::string& mutation, const std::function<void(Finding&)>& change) {
    campaign::Run run = Done("c-1", Verdict::kFail);
    run.mutation = mutation;
    Finding& finding = run.findings.emplace_back();
    finding.kind = detect::Kind::kSoftLockup;
    finding.title = "BUG: soft lockup in f";
    finding.function = "f";
    finding.phase = "running";
    change(finding);
    return FindSymptom(run, descriptor);
  };
  const auto other = [](Finding&) {};
  const auto invariant = [](Finding& finding) { finding.title = "invariant trylock"; };
  const auto alternative = [](Finding& finding) { finding.alt_titles = {"invariant trylock"}; };
  const auto function = [](Finding& finding) { finding.function = "accept"; };
  EXPECT_EQ(symptom("mutex", other), "");
  EXPECT_EQ(symptom("mutex", invariant), "invariant trylock");
  EXPECT_EQ(symptom("mutex", alternative), "BUG: soft lockup in f");
  EXPECT_EQ(symptom("lock", invariant), "") << "a symptom of the other mutant";
  EXPECT_EQ(symptom("", invariant), "invariant trylock") << "without a name, any symptom of the scenario counts";
  EXPECT_EQ(symptom("unknown", invariant), "invariant trylock");
  EXPECT_EQ(symptom("lock", other), "");
  EXPECT_EQ(symptom("lock", function), "BUG: soft lockup in f");
  EXPECT_EQ(symptom("lock", [](Finding& finding) { finding.alt_titles = {"INFO: rcu detected stall in wait"}; }),
            "BUG: soft lockup in f");
  EXPECT_EQ(symptom("lock",
                    [](Finding& finding) {
                      finding.victim = detect::Party{1, "", "wait"};
                    }),
            "BUG: soft lockup in f");
  EXPECT_EQ(symptom("lock",
                    [](Finding& finding) {
                      finding.culprit = detect::Party{1, "", "accept"};
                    }),
            "BUG: soft lockup in f");
  EXPECT_EQ(symptom("lock", [](Finding& finding) { finding.alt_titles = {"BUG: soft lockup in do_wait"}; }), "");
  EXPECT_EQ(symptom("lock", [&](Finding& finding) { function(finding), finding.kind = detect::Kind::kOops; }), "");
  for (const char* before : {"preparing", "booting"}) {
    EXPECT_EQ(symptom("lock", [&](Finding& finding) { function(finding), finding.phase = before; }), "") << before;
  }
  EXPECT_EQ(symptom("lock", [&](Finding& finding) { function(finding), finding.distrust = "paused"; }), "");
  EXPECT_EQ(symptom("lock", [&](Finding& finding) { function(finding), finding.known = "known"; }), "");
  campaign::Run run = Done("c-1", Verdict::kFail);
  EXPECT_EQ(DescribeSymptoms(run, descriptor), "invariant trylock, or soft_lockup or csd_stall in accept or wait");
  run.mutation = "mutex";
  EXPECT_EQ(DescribeSymptoms(run, descriptor), "invariant trylock");
}

TEST(Descriptors, NameKindsThatExist) {
  for (const v1::ScenarioDescriptor& descriptor : Descriptors()) {
    std::vector<std::string> kinds;
    for (const auto& invariant : descriptor.invariants()) {
      if (!invariant.kind().empty()) kinds.push_back(invariant.kind());
    }
    for (const auto& mutant : descriptor.mutants()) {
      for (const auto& symptom : mutant.symptoms()) {
        kinds.insert(kinds.end(), symptom.kinds().begin(), symptom.kinds().end());
      }
    }
    for (const std::string& kind : kinds) {
      detect::Kind parsed;
      EXPECT_TRUE(detect::ParseKind(kind, parsed)) << descriptor.name() << ": " << kind;
    }
  }
}

// "state: reason" of the only mutant in these runs, whose sibling passes.
std::string Together(std::vector<campaign::Run> runs, const campaign::Run& sibling = Sibling(Verdict::kPass)) {
  runs.push_back(sibling);
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
  EXPECT_EQ(Together({Otherwise("c-1")}), "undecided: reason of c-1");
}

TEST(Mutants, AreKilledOnlyIfTheirSiblingPasses) {
  const campaign::Run killed = Done("c-1", Verdict::kFail);
  campaign::Run doubted = Sibling(Verdict::kUnproven);
  doubted.doubted = true;
  EXPECT_EQ(Together({killed}, doubted), "killed: reason of c-1") << "another mutant of the scenario survived";
  EXPECT_EQ(Together({killed}, Sibling(Verdict::kFail)),
            "undecided: the same kernel without the mutation fails as well (run c-0)");
  EXPECT_EQ(Together({killed}, Sibling(Verdict::kError)),
            "undecided: the same kernel without the mutation (k0) gave no result");
  EXPECT_EQ(Together({killed}, Sibling(Verdict::kError, RunState::kRunning)), "pending: reason of c-1");
  campaign::Run elsewhere = Sibling(Verdict::kPass);
  elsewhere.profile = "another";
  EXPECT_EQ(Together({killed}, elsewhere), "undecided: the same kernel without the mutation (k0) gave no result");
  campaign::Run alone = killed;
  alone.unmutated.clear();
  EXPECT_EQ(Together({alone}), "undecided: the same kernel without the mutation did not run on this profile");
  EXPECT_EQ(Together({Done("c-1", Verdict::kPass)}, Sibling(Verdict::kFail)), "survived: reason of c-1");
}

TEST(Score, LeavesOutSkippedAndPendingMutants) {
  campaign::Run kernel = Done("c-9", Verdict::kFail, "k9");
  kernel.control = false;
  const auto mutants =
      Mutants({Done("c-1", Verdict::kFail, "k1"), Superseded("c-1.1"), Done("c-2", Verdict::kPass, "k2"),
               Done("c-3", Verdict::kMiss, "k3"), Done("c-4", Verdict::kSkip, "k4"),
               Control("c-5", RunState::kQueued, Verdict::kError, "k5"), Done("c-6", Verdict::kFail, "k1"), kernel,
               Sibling(Verdict::kPass)});
  ASSERT_EQ(mutants.size(), 5u);
  EXPECT_EQ(mutants[0].kernel_id, "k1");
  EXPECT_EQ(mutants[0].kernel_release, "6.12-k1");
  EXPECT_EQ(mutants[0].scenario, "swarm");
  EXPECT_THAT(mutants[0].run_ids, ElementsAre("c-1", "c-6"));
  EXPECT_EQ(Score(mutants).killed, 1u);
  EXPECT_EQ(Score(mutants).all, 3u);
}

std::string DoubtAfter(const std::vector<campaign::Run>& controls, PositiveControls rule, bool has_mutant = true,
                       const campaign::Run& sibling = Sibling(Verdict::kPass)) {
  Proof proof;
  proof.Begin();
  proof.End(sibling);
  for (const campaign::Run& control : controls) {
    proof.Begin();
    EXPECT_TRUE(proof.open());
    if (control.state == RunState::kDone) proof.End(control);
  }
  campaign::Run pass;
  pass.scenario = "swarm";
  pass.profile = "dimm";
  v1::ScenarioDescriptor descriptor;
  if (has_mutant) descriptor.add_mutants();
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
  EXPECT_THAT(DoubtAfter({Otherwise("c-2")}, PositiveControls::kAuto),
              HasSubstr("(run c-2: failed without a symptom of the mutant)"));
  EXPECT_EQ(DoubtAfter({killed}, PositiveControls::kAuto, true, Sibling(Verdict::kFail)),
            "the mutant 6.12-k1 proves nothing: the same kernel without the mutation fails as well (run c-0)");
  EXPECT_EQ(DoubtAfter({killed}, PositiveControls::kAuto, true, Sibling(Verdict::kMiss)),
            "the mutant 6.12-k1 proves nothing: the same kernel without the mutation (k0) gave no result");
  EXPECT_THAT(DoubtAfter({Control("c-1", RunState::kRunning, Verdict::kError)}, PositiveControls::kAuto),
              HasSubstr("cancelled before"));
}

TEST(Proof, DistinguishesMutantsOfTheSameRelease) {
  campaign::Run first = Done("c-1", Verdict::kFail, "k1"), second = Done("c-2", Verdict::kFail, "k2");
  second.kernel_release = first.kernel_release;
  first.unmutated = "k9";
  EXPECT_EQ(DoubtAfter({first, second}, PositiveControls::kAuto),
            "the mutant 6.12-k1 proves nothing: the same kernel without the mutation (k9) gave no result");
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
  EXPECT_EQ(CampaignVerdict({killed}), Verdict::kUnproven) << "without its sibling, a control proves nothing";
  EXPECT_EQ(CampaignVerdict({killed, survived}), Verdict::kUnproven);
  EXPECT_EQ(CampaignVerdict({killed, Cancelled("c-4")}), Verdict::kUnproven);
  EXPECT_EQ(CampaignVerdict({Done("c-1", Verdict::kSkip)}), Verdict::kSkip);
  EXPECT_EQ(CampaignVerdict(std::vector<campaign::Run>()), Verdict::kError);
}

}  // namespace
}  // namespace lk::campaign
