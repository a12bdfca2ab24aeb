// SPDX-License-Identifier: Apache-2.0
// Positive controls, the runs that wait for them, and how `emulated` and `harness` are recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::CampaignState;
using campaign::RunState;
using campaign::Verdict;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// "c-1" is the control for the other runs, which are its siblings.
CampaignAdded WithControl(int runs = 2) {
  CampaignAdded added = MakeCampaign("c", runs);
  for (Run& run : added.runs) {
    run.kernel_id = "k0";
    run.sibling = true;
  }
  Run& control = added.runs[0];
  control.control = true;
  control.sibling = false;
  control.kernel_id = "k1";
  control.kernel_release = "6.12-mutant";
  control.mutation = "panic";
  control.unmutated = "k0";
  return added;
}

// A scenario with a mutant that panics in "crash_here".
v1::ScenarioDescriptor WithMutant() {
  v1::ScenarioDescriptor descriptor = Descriptor();
  v1::ScenarioDescriptor::Mutant& mutant = *descriptor.add_mutants();
  mutant.set_name("panic");
  v1::ScenarioDescriptor::Symptom& symptom = *mutant.add_symptoms();
  symptom.add_kinds("panic");
  symptom.add_functions("crash_here");
  return descriptor;
}

Finding PanicHere() {
  Finding panic = Panic();
  panic.function = "crash_here";
  return panic;
}

void Boot(World& world, const std::string& id) {
  world.Step(ImageReady{id, 0.5});
  world.Step(VmStarted{id, 0.25});
  world.Step(AgentConnected{id, ++world.session, "boot-" + id, "6.1.0", "KVM"});
}

World::Lines End(World& world, const std::string& id, VmGone::How how) {
  World::Lines lines = world.Step(VmGone{id, how, ""});
  for (std::string& line : world.Step(ConsoleEnded{id})) lines.push_back(std::move(line));
  return lines;
}

World::Lines Pass(World& world, const std::string& id) {
  Boot(world, id);
  world.Step(ConsoleCanary{id, "nonce-" + id});
  KmsgSeen seen;
  seen.canary = "nonce-" + id;
  world.Said(id, seen);
  world.Said(id, AgentDone{"ok", "", 9, {}});
  return End(world, id, VmGone::How::kStopped);
}

World::Lines Fail(World& world, const std::string& id) {
  Boot(world, id);
  world.Step(ReportSeen{id, PanicHere()});
  return End(world, id, VmGone::How::kCrashed);
}

World::Lines Break(World& world, const std::string& id) {
  Boot(world, id);
  return End(world, id, VmGone::How::kDestroyed);
}

TEST(Controls, APassWaitsForItsControlWithoutAVm) {
  World world({MakeHost("h1")}, WithMutant());
  world.Step(WithControl());
  EXPECT_THAT(Pass(world, "c-2"), ElementsAre("save c-2 finishing", "save c-2 finishing", "release c-2"));
  EXPECT_THAT(world.run("c-2").journal, Contains(HasSubstr("waiting for its positive controls")));
  EXPECT_EQ(world.core.Allocated().at("h1").first, 2u) << "only the control has a VM";
  EXPECT_EQ(world.core.Find("c-2"), nullptr);
  EXPECT_THAT(world.Step(VmGone{"c-2", VmGone::How::kDestroyed, ""}), IsEmpty());
  EXPECT_THAT(world.Step(ReportSeen{"c-2", Panic()}), IsEmpty()) << "later events of c-2 are ignored";

  const absl::Time passed = world.now;
  world.now += absl::Seconds(3);
  EXPECT_THAT(Fail(world, "c-1"),
              testing::IsSupersetOf({"save c-1 done fail", "save c-2 done pass", "save c finished"}));
  EXPECT_EQ(world.run("c-2").finished, passed) << "the wait does not count as part of the run";
  EXPECT_EQ(world.campaigns.at("c").verdict, Verdict::kPass);
  EXPECT_EQ(world.core.NextDeadline(), absl::InfiniteFuture());
}

TEST(Controls, AMutantThatFailsOtherwiseProvesNothing) {
  World world({MakeHost("h1")}, WithMutant());
  world.Step(WithControl());
  Pass(world, "c-2");
  Boot(world, "c-1");
  world.Step(ReportSeen{"c-1", Panic()});
  EXPECT_THAT(End(world, "c-1", VmGone::How::kCrashed), Contains("save c-2 done unproven"));
  EXPECT_EQ(world.run("c-1").symptom, "");
  EXPECT_THAT(world.run("c-1").reason, HasSubstr("not a symptom of the mutant, seen after the trigger began (expected "
                                                 "panic in crash_here)"));
  EXPECT_THAT(world.run("c-2").reason, HasSubstr("(run c-1: failed without a symptom of the mutant)"));
}

TEST(Controls, AMutantThatFailsBeforeTheTriggerBeginsProvesNothing) {
  World world({MakeHost("h1")}, WithMutant());
  world.Step(WithControl());
  Pass(world, "c-2");
  world.Step(ImageReady{"c-1", 0.5});
  world.Step(VmStarted{"c-1", 0.25});
  world.Step(ReportSeen{"c-1", PanicHere()});
  EXPECT_THAT(End(world, "c-1", VmGone::How::kCrashed), Contains("save c-2 done unproven"));
  EXPECT_EQ(world.run("c-1").verdict, Verdict::kFail);
}

// A finding of the ending run comes after the trigger began only if it did begin.
TEST(Controls, AMutantThatNeverBootsProvesNothing) {
  World world({MakeHost("h1")}, WithMutant());
  CampaignAdded added = WithControl();
  added.campaign.spec.hang_nmi = false;
  world.Step(added);
  Pass(world, "c-2");
  world.Step(VmStarted{"c-1", 0.25});
  world.After(Limits().boot);
  ASSERT_EQ(world.run("c-1").state, RunState::kFinishing);
  world.Step(ReportSeen{"c-1", PanicHere()});
  EXPECT_THAT(End(world, "c-1", VmGone::How::kDestroyed), Contains("save c-2 done unproven"));
  EXPECT_EQ(world.run("c-1").verdict, Verdict::kFail);
  EXPECT_EQ(world.run("c-1").symptom, "");
}

TEST(Controls, AKilledMutantProvesNothingIfItsSiblingFails) {
  World world({MakeHost("h1")}, WithMutant());
  CampaignAdded added = WithControl(3);
  added.runs[2].kernel_id = "k2";
  added.runs[2].sibling = false;
  world.Step(added);
  EXPECT_THAT(Fail(world, "c-1"), Contains("save c-1 done fail"));
  EXPECT_EQ(world.run("c-1").symptom, "kernel panic: simulated");
  Pass(world, "c-3");
  EXPECT_EQ(world.run("c-3").state, RunState::kAwaitingControls) << "it waits for the sibling as well";
  EXPECT_THAT(Fail(world, "c-2"), Contains("save c-3 done unproven"));
  EXPECT_EQ(world.run("c-3").reason,
            "the mutant 6.12-mutant proves nothing: the same kernel without the mutation fails as well (run c-2)");
  EXPECT_TRUE(world.run("c-3").doubted);
}

TEST(Controls, WaitingDoesNotCountTowardsMaxParallel) {
  World world({MakeHost("h1", 4)}, WithMutant());
  CampaignAdded added = WithControl(3);
  added.campaign.spec.max_parallel = 2;
  world.Step(added);
  EXPECT_THAT(Pass(world, "c-2"), Contains("start c-3 on h1"));
}

TEST(Controls, APassIsUnprovenIfAControlSurvives) {
  World world({MakeHost("h1")}, WithMutant());
  world.Step(WithControl());
  EXPECT_THAT(Pass(world, "c-1"), Contains("save c-1 done pass"))
      << "the verdict of the control itself does not change";
  EXPECT_THAT(Pass(world, "c-2"), Contains("save c-2 done unproven"));
  EXPECT_EQ(world.run("c-2").reason, "the mutant 6.12-mutant survived this scenario on this profile (run c-1)");
  EXPECT_EQ(world.run("c-2").blame, campaign::Blame::kTest);
  EXPECT_EQ(world.campaigns.at("c").verdict, Verdict::kUnproven);
}

TEST(Controls, OnlyPassesAreDoubted) {
  World world({MakeHost("h1")}, WithMutant());
  CampaignAdded added = WithControl();
  added.campaign.spec.retries_error = 0;
  world.Step(added);
  EXPECT_THAT(Fail(world, "c-2"), Contains("save c-2 done fail"));
  EXPECT_THAT(Break(world, "c-1"), Contains("save c-1 done error"));
  EXPECT_EQ(world.campaigns.at("c").verdict, Verdict::kFail);
}

TEST(Controls, AreRetriedUntilTheyAreConclusive) {
  World world({MakeHost("h1")}, WithMutant());
  CampaignAdded added = WithControl();
  added.campaign.spec.retries_fail = 1;
  world.Step(added);
  Pass(world, "c-2");
  EXPECT_THAT(Break(world, "c-1"), Contains("start c-1.2 on h1"));
  EXPECT_EQ(world.run("c-2").state, RunState::kAwaitingControls) << "the pass waits for the retry of the control";
  const World::Lines lines = Fail(world, "c-1.2");
  EXPECT_THAT(lines, Contains("save c-2 done pass"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("c-1.3")))) << "a control that fails, as it should, is not retried";
}

TEST(Controls, AreInconclusiveAfterTheLastAttempt) {
  World world({MakeHost("h1")}, WithMutant());
  world.Step(WithControl());
  Pass(world, "c-2");
  Break(world, "c-1");
  EXPECT_THAT(Break(world, "c-1.2"), Contains("save c-2 done unproven"));
  EXPECT_THAT(world.run("c-2").reason,
              HasSubstr("gave no result for this scenario on this profile (run c-1.2: error)"));
}

TEST(Controls, CountOnlyForTheirProfile) {
  World world({MakeHost("h1")}, WithMutant());
  CampaignAdded added = WithControl(3);
  added.campaign.spec.profiles.push_back(added.campaign.spec.profiles[0]);
  added.campaign.spec.profiles[1].name = "other";
  added.runs[2].profile = "other";
  world.Step(added);
  Pass(world, "c-1");
  EXPECT_THAT(Pass(world, "c-2"), Contains("save c-2 done unproven"));
  EXPECT_THAT(Pass(world, "c-3"), Contains("save c-3 done pass"));
}

TEST(Controls, CanBeRequired) {
  v1::ScenarioDescriptor descriptor = Descriptor();
  for (const bool has_mutant : {false, true}) {
    if (has_mutant) descriptor.add_mutants();
    World world({MakeHost("h1")}, descriptor);
    CampaignAdded added = MakeCampaign("c", 1);
    added.campaign.spec.positive_controls = campaign::PositiveControls::kRequire;
    world.Step(added);
    EXPECT_THAT(Pass(world, "c-1"), Contains(has_mutant ? "save c-1 done unproven" : "save c-1 done pass"));
  }
}

TEST(Controls, AControlThatCannotRunIsIgnored) {
  World world({MakeHost("h1")}, WithMutant());
  CampaignAdded added = WithControl();
  added.runs[0].state = RunState::kDone;
  added.runs[0].verdict = Verdict::kSkip;
  world.Step(added);
  EXPECT_THAT(Pass(world, "c-2"), Contains("save c-2 done pass"));
}

TEST(Controls, ACancelledCampaignDoesNotWaitForThem) {
  World world({MakeHost("h1")}, WithMutant());
  world.Step(WithControl());
  Pass(world, "c-2");
  Boot(world, "c-1");
  EXPECT_THAT(world.Step(CampaignCancelled{"c"}), Contains("save c-2 done unproven"));
  EXPECT_THAT(world.run("c-2").reason, HasSubstr("cancelled before"));
  EXPECT_THAT(End(world, "c-1", VmGone::How::kDestroyed), Contains("save c cancelled"));
}

TEST(Controls, TheDeadlineEndsTheWait) {
  World world({MakeHost("h1", 2)});
  CampaignAdded added = MakeCampaign("c", 2);
  added.runs[1].control = true;
  added.campaign.spec.deadline = absl::Minutes(1);
  world.Step(added);
  EXPECT_THAT(Pass(world, "c-1"), Contains("start c-2 on h1"));
  world.Step(StartFailed{"c-2", "no", false});
  EXPECT_EQ(world.run("c-1").state, RunState::kAwaitingControls);
  world.Step(HostChanged{[] {
    Host host = MakeHost("h1", 2);
    host.state = Host::State::kDrained;
    return host;
  }()});
  world.Step(StartFailed{"c-2.2", "no", false});
  world.After(absl::Minutes(2));
  EXPECT_EQ(world.run("c-1").verdict, Verdict::kUnproven);
  EXPECT_EQ(world.campaigns.at("c").state, CampaignState::kFinished);
}

TEST(Controls, TheWaitSurvivesARestart) {
  World old({MakeHost("h1")}, WithMutant());
  old.Step(WithControl());
  Pass(old, "c-2");
  Boot(old, "c-1");
  Restarted world(old, WithMutant());
  EXPECT_EQ(world.core.Allocated().at("h1").first, 2u);
  EXPECT_EQ(world.run("c-2").state, RunState::kAwaitingControls);
  world.Step(VmReattached{"c-1"});
  world.Step(ReportSeen{"c-1", PanicHere()});
  EXPECT_THAT(End(world, "c-1", VmGone::How::kCrashed), Contains("save c-2 done pass"));
}

TEST(Controls, TheirResultsSurviveARestart) {
  World old({MakeHost("h1")}, WithMutant());
  old.Step(WithControl());
  Pass(old, "c-1");
  Restarted world(old, WithMutant());
  world.Step(VmGone{"c-2", VmGone::How::kMissing, ""});
  world.Step(ConsoleEnded{"c-2"});
  Boot(world, "c-2.2");
  world.Step(ConsoleCanary{"c-2.2", world.core.Find("c-2.2")->canary_nonce});
  KmsgSeen seen;
  seen.canary = world.core.Find("c-2.2")->canary_nonce;
  world.Said("c-2.2", seen);
  world.Said("c-2.2", AgentDone{"ok", "", 9, {}});
  EXPECT_THAT(End(world, "c-2.2", VmGone::How::kStopped), Contains("save c-2.2 done unproven"));
}

// A guest that hangs never sends Done.
TEST(Samples, SayWhetherTheRunIsEmulatedOrOnAHarness) {
  constexpr std::pair<const char*, bool campaign::Evidence::*> kMarks[] = {{"emulated", &campaign::Evidence::emulated},
                                                                           {"harness", &campaign::Evidence::harness}};
  for (const auto& [counter, marked] : kMarks) {
    World world;
    world.ToRunning();
    Samples samples;
    samples.counters[counter] = {0, "1"};
    world.Said("c-1", samples);
    EXPECT_FALSE(world.run().*marked) << counter;
    samples.counters[counter] = {1, "1"};
    world.Said("c-1", samples);
    EXPECT_TRUE(world.run().*marked) << counter;
    world.Said("c-1", Samples{});
    EXPECT_TRUE(world.run().*marked) << counter;
  }
}

TEST(Emulated, IsAlsoRecordedFromAgentDone) {
  World world;
  world.ToRunning();
  world.Said("c-1", AgentDone{"ok", "", 9, {}, true});
  EXPECT_TRUE(world.run().emulated);
}

}  // namespace
}  // namespace lk::scheduler
