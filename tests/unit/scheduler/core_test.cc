// SPDX-License-Identifier: Apache-2.0
// Placement, requests from agents, and the life cycle of a run when nothing fails.
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

TEST(Core, TakesARunFromTheQueueToPass) {
  World world;
  EXPECT_THAT(world.Step(MakeCampaign("c", 1)), ElementsAre("save c-1 preparing", "save c running", "start c-1 on h1"));
  world.now += absl::Seconds(1);
  world.Step(ImageReady{"c-1", 1});
  EXPECT_THAT(world.Step(VmStarted{"c-1", 0.5}), ElementsAre("save c-1 booting"));
  world.now += absl::Seconds(3);
  EXPECT_THAT(world.Connect("boot-1"), ElementsAre("save c-1 running", "lease c-1/1"));
  EXPECT_THAT(world.Step(ConsoleCanary{"c-1", "nonce-c-1"}), ElementsAre("save c-1 running"));
  KmsgSeen seen;
  seen.canary = "nonce-c-1";
  EXPECT_THAT(world.Said("c-1", seen), ElementsAre("save c-1 running", "ack c-1/1 1"));
  EXPECT_THAT(world.Said("c-1", Heartbeat{7, "spinning", {}}),
              ElementsAre("save c-1 running", "ack c-1/1 2", "delays c-1"));
  world.now += absl::Seconds(20);
  EXPECT_THAT(world.Said("c-1", AgentDone{"ok", "", 9, {}}),
              ElementsAre("save c-1 finishing", "ack c-1/1 3", "finish c-1"));
  EXPECT_THAT(world.Step(VmGone{"c-1", VmGone::How::kStopped, ""}), ElementsAre("save c-1 finishing"));
  EXPECT_THAT(world.Step(ConsoleEnded{"c-1"}), ElementsAre("save c-1 done pass", "save c finished", "release c-1"));

  const campaign::Run& run = world.run();
  EXPECT_EQ(run.operations, 9u);
  EXPECT_EQ(run.agent_sequence, 3u);
  EXPECT_DOUBLE_EQ(run.phase_seconds.at("image"), 1);
  EXPECT_DOUBLE_EQ(run.phase_seconds.at("define"), 0.5);
  EXPECT_NEAR(run.phase_seconds.at("boot"), 2.5, 0.01);
  EXPECT_NEAR(run.phase_seconds.at("run"), 20, 0.01);
  EXPECT_THAT(run.journal, Contains("3.000s canary seen on console"));
  EXPECT_EQ(world.campaigns.at("c").verdict, Verdict::kPass);
  EXPECT_EQ(world.core.Allocated().at("h1"), (std::pair<uint32_t, uint64_t>{0, 0}));
  EXPECT_EQ(world.core.NextDeadline(), absl::InfiniteFuture());
}

TEST(Core, RecordsTheProvenanceOfARun) {
  Host host = MakeHost("h1");
  host.uri = "qemu:///system";
  host.kernel_release = "6.1.0-40-amd64";
  host.hypervisor_version = "QEMU 10.0.2";
  host.libvirt_version = "11.3.0";
  World world({host});
  world.Step(MakeCampaign("c", 1));
  world.Step(ImageReady{"c-1", 1, "5eed"});
  // The provenance does not change with the host.
  host.hypervisor_version = "QEMU 11.0.0";
  world.Step(HostChanged{host});
  const campaign::Provenance& provenance = world.run().provenance;
  EXPECT_EQ(provenance.image_sha256, "5eed");
  EXPECT_EQ(provenance.host_uri, "qemu:///system");
  EXPECT_EQ(provenance.host_kernel, "6.1.0-40-amd64");
  EXPECT_EQ(provenance.hypervisor, "QEMU 10.0.2");
  EXPECT_EQ(provenance.libvirt, "11.3.0");
}

TEST(Core, DestroysAVmThatDoesNotPowerOff) {
  World world;
  world.ToRunning();
  world.Said("c-1", AgentDone{"ok", "", 9, {}});
  EXPECT_THAT(world.After(absl::Milliseconds(4900)), IsEmpty());
  EXPECT_THAT(world.After(absl::Milliseconds(200)), ElementsAre("flush c-1", "destroy c-1"));
  // The destroy is retried, and the run finally finishes without a response.
  EXPECT_THAT(world.After(absl::Minutes(2) + absl::Seconds(1)), ElementsAre("destroy c-1", "destroy c-1"));
  EXPECT_THAT(world.After(absl::Minutes(1)), Contains("release c-1"));
  EXPECT_THAT(world.run().journal.back(), HasSubstr("left on host h1"));
}

TEST(Core, NothingPassesWithoutACanary) {
  World world;
  world.ToRunning();
  world.Step(ConsoleCanary{"c-1", "another"});
  world.Said("c-1", AgentDone{"ok", "", 9, {}});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done unproven"));
}

TEST(Core, FindingsDuringTheDrainCount) {
  World world;
  world.ToRunning();
  world.BringCanary();
  world.Said("c-1", AgentDone{"ok", "", 9, {}});
  world.Step(VmGone{"c-1", VmGone::How::kStopped, ""});
  Finding finding;
  finding.kind = detect::Kind::kSoftLockup;
  finding.title = "BUG: soft lockup in spin";
  finding.end_offset = 10;
  world.Step(ReportSeen{"c-1", finding});
  EXPECT_THAT(world.After(absl::Seconds(6)), Contains("save c-1 done fail"));
  EXPECT_EQ(world.run().findings.at(0).phase, "finishing");
  EXPECT_THAT(world.run().findings.at(0).witnesses, ElementsAre("console"));
}

// ---- placement ---------------------------------------------------------------------------------

TEST(Placement, PlacesRunsInOrderOnTheLeastLoadedHost) {
  World world({MakeHost("big", 8), MakeHost("small", 4)});
  CampaignAdded added = MakeCampaign("c", 12);
  const auto lines = world.Step(added);
  std::vector<std::string> starts;
  for (const auto& line : lines) {
    if (line.starts_with("start ")) starts.push_back(line);
  }
  EXPECT_THAT(starts, ElementsAre("start c-1 on big", "start c-2 on small", "start c-3 on big", "start c-4 on big",
                                  "start c-5 on small", "start c-6 on big"));
  EXPECT_EQ(world.core.Allocated().at("big"), std::pair(8u, 8 * kGiB));
  world.Step(StartFailed{"c-1", "kernel image unreadable", false});
  EXPECT_EQ(world.core.Find("c-1.2")->state, RunState::kPreparing) << "a retry keeps the place of its run in the queue";
}

TEST(Placement, RespectsMaxParallel) {
  World world({MakeHost("h1", 64, 64 * kGiB)});
  CampaignAdded added = MakeCampaign("c", 5);
  added.campaign.spec.max_parallel = 2;
  world.Step(added);
  EXPECT_EQ(world.core.Find("c-2")->state, RunState::kPreparing);
  EXPECT_EQ(world.core.Find("c-3")->state, RunState::kQueued);
}

TEST(Placement, AVmMayExceedTheCpusOfAnIdleHostButNotItsMemory) {
  World world({MakeHost("h1", 1, 2 * kGiB)});
  world.Step(MakeCampaign("c", 2));
  EXPECT_EQ(world.core.Find("c-1")->state, RunState::kPreparing);
  EXPECT_EQ(world.core.Find("c-2")->state, RunState::kQueued);

  World tight({MakeHost("h1", 8, 2 * kGiB - 1)});
  EXPECT_THAT(tight.Step(MakeCampaign("c", 1)), ElementsAre("save c-1 done miss", "save c finished"));
  EXPECT_THAT(tight.run().reason, HasSubstr("2GiB is needed"));
}

TEST(Placement, ARunEndsAsMissIfNoHostIsAvailable) {
  World none(std::vector<Host>{});
  EXPECT_THAT(none.Step(MakeCampaign("c", 1)), ElementsAre("save c-1 done miss", "save c finished"));
  EXPECT_THAT(none.run().reason, HasSubstr("there are no hosts"));

  Host host = MakeHost("h1");
  host.state = Host::State::kDown;
  host.state_reason = "connection refused";
  World down({host});
  down.Step(MakeCampaign("c", 1));
  EXPECT_THAT(down.After(absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(down.After(absl::Seconds(2)), ElementsAre("save c-1 done miss", "save c-1.2 queued"));
  EXPECT_TRUE(down.run().superseded);
  EXPECT_THAT(down.After(absl::Seconds(61)), ElementsAre("save c-1.2 done miss", "save c finished"));
  EXPECT_THAT(down.run("c-1.2").reason, HasSubstr("h1 is down (connection refused)"));
}

TEST(Placement, AHostThatComesBackTakesQueuedRuns) {
  Host host = MakeHost("h1");
  host.state = Host::State::kDown;
  World world({host});
  world.Step(MakeCampaign("c", 1));
  world.After(absl::Seconds(30));
  host.state = Host::State::kUp;
  EXPECT_THAT(world.Step(HostChanged{host}), Contains("start c-1 on h1"));
}

TEST(Placement, ARetryAvoidsTheHostAtFault) {
  World world({MakeHost("h1"), MakeHost("h2")});
  world.Step(MakeCampaign("c", 1));
  EXPECT_THAT(world.Step(StartFailed{"c-1", "no permission", true}),
              ElementsAre("save c-1 done miss", "save c-1.2 preparing", "release c-1", "start c-1.2 on h2"));
}

// ---- agents ------------------------------------------------------------------------------------

TEST(Agent, RepeatedMessagesAreDroppedAndAcknowledgedAgain) {
  World world;
  world.ToRunning();
  Samples samples;
  samples.latencies["wake"].Record(100);
  world.Said("c-1", samples);
  EXPECT_THAT(world.Step(AgentSaid{"c-1", 1, 1, samples}), ElementsAre("ack c-1/1 1"));
  EXPECT_EQ(world.run().latencies.at("wake").count(), 1u);
  EXPECT_THAT(world.Step(AgentSaid{"c-1", 9, 2, samples}), IsEmpty()) << "messages from another session are ignored";
}

TEST(Agent, GetsItsLeaseAgainAfterAReconnect) {
  World world;
  world.ToRunning();
  world.Said("c-1", Heartbeat{1, "", {}});
  world.Step(AgentDisconnected{"c-1", 1});
  world.now += absl::Seconds(5);
  EXPECT_THAT(world.Connect("boot-1"), ElementsAre("save c-1 running", "lease c-1/2"));
  EXPECT_EQ(world.run().agent_sequence, 1u);
  EXPECT_THAT(world.Step(AgentConnected{"c-1", 1, "boot-1", "", ""}), ElementsAre("drop c-1/1"));
}

TEST(Agent, OnlyAnUnannouncedRebootIsAFinding) {
  World world;
  world.ToRunning();
  EXPECT_THAT(world.Said("c-1", RebootAnnounced{"kexec", absl::Seconds(30)}), Contains("expect boot c-1"));
  world.Step(AgentDisconnected{"c-1", 1});
  world.After(absl::Seconds(25));
  world.Connect("boot-2");
  EXPECT_THAT(world.run().findings, IsEmpty());
  EXPECT_EQ(world.run().agent_sequence, 0u);
  world.Connect("boot-3");
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].kind, detect::Kind::kUnexpectedReboot);
}

TEST(Agent, HostActionsArePerformedOnceAndOnlyIfDeclared) {
  using ActionKind = HostActionAsked::Kind;
  World world;
  world.ToRunning();
  EXPECT_THAT(world.Said("c-1", HostActionAsked{1, ActionKind::kAttachDimm, kGiB, ""}),
              Contains("perform c-1 1 within 30s"));
  EXPECT_THAT(world.Said("c-1", HostActionAsked{1, ActionKind::kAttachDimm, kGiB, ""}),
              Not(Contains(HasSubstr("perform"))));
  EXPECT_THAT(world.Step(HostActionDone{"c-1", 1, "", "dimm0", absl::Seconds(1)}), Contains("reply c-1 1"));
  // The stream may have ended before the reply was read.
  EXPECT_THAT(world.Connect("boot-1"), ElementsAre("save c-1 running", "drop c-1/1", "lease c-1/2", "reply c-1 1"));
  EXPECT_THAT(world.Said("c-1", HostActionAsked{1, ActionKind::kAttachDimm, kGiB, ""}), Contains("reply c-1 1"));

  EXPECT_THAT(world.Said("c-1", HostActionAsked{2, ActionKind::kAttachDimm, 1000, ""}),
              Contains(HasSubstr("not a multiple")));
  EXPECT_THAT(world.Said("c-1", HostActionAsked{3, ActionKind::kAttachDimm, kGiB, ""}),
              Contains(HasSubstr("exceeds the profile's")));
  EXPECT_THAT(world.Said("c-1", HostActionAsked{4, ActionKind::kResizeVirtioMem, 0, ""}),
              Contains(HasSubstr("does not declare")));
  EXPECT_THAT(world.Said("c-1", HostActionAsked{5, ActionKind::kDetachDimm, 0, "dimm0"}),
              Contains("perform c-1 5 within 30s"));
  world.Step(HostActionDone{"c-1", 5, "", "", absl::Seconds(1)});
  EXPECT_THAT(world.Said("c-1", HostActionAsked{6, ActionKind::kAttachDimm, kGiB, ""}),
              Contains("perform c-1 6 within 30s"));
}

TEST(Agent, AnEmulatedGuestMayTakeLongerToReleaseADevice) {
  Host host = MakeHost("h1");
  host.accelerator = "tcg";
  World world({host});
  world.ToRunning();
  EXPECT_THAT(world.Said("c-1", HostActionAsked{1, HostActionAsked::Kind::kDetachDimm, 0, "dimm0"}),
              Contains("perform c-1 1 within 1m30s"));
}

}  // namespace
}  // namespace lk::scheduler
