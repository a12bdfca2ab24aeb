// SPDX-License-Identifier: Apache-2.0
// Reboots in the middle of a run, both announced and unannounced; and the tables of a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::Ending;
using campaign::Verdict;
using detect::Kind;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Stage = campaign::PostMortemStep::Step;

void Announce(World& world, absl::Duration within = absl::Seconds(30)) {
  world.Said("c-1", RebootAnnounced{"kexec", within});
}

TEST(Reboot, IsPartOfTheRunIfAnnounced) {
  World world;
  world.ToRunning(Long());
  world.BringCanary();
  for (int boot = 2; boot < 6; ++boot) {
    Announce(world);
    world.Step(AgentDisconnected{"c-1", world.session});
    EXPECT_THAT(world.After(absl::Seconds(25)), IsEmpty()) << "an announced reboot may take longer than a reconnect";
    EXPECT_THAT(world.Connect(fmt::format("boot-{}", boot)), Contains(HasSubstr("lease c-1/")));
    world.sequence = 0;
    Beat(world, absl::Seconds(5), true);
  }
  EXPECT_EQ(world.run().announced_boots, 4u);
  EXPECT_THAT(world.run().journal, Contains(HasSubstr("after the announced reboot: kernel 6.1.0 on KVM")));
  world.Said("c-1", AgentDone{"ok", "", 5, {}});
  EXPECT_THAT(world.Gone(), Contains("save c-1 done pass"));
}

TEST(Reboot, TheOldStreamMayEndAfterTheNewBootHasConnected) {
  World world;
  world.ToRunning(Long());
  Announce(world);
  world.Connect("boot-2");
  world.Step(AgentDisconnected{"c-1", 1});
  world.sequence = 0;
  EXPECT_THAT(Beat(world, absl::Seconds(20), true), Not(Contains(HasSubstr("destroy"))));
}

TEST(Reboot, IsAHangIfTheGuestDoesNotComeBack) {
  for (const bool interrupts_off : {true, false}) {
    World world;
    world.ToRunning(Long());
    world.Said("c-1", Heartbeat{7, "kexec 1 of 3", {}});
    Announce(world);
    EXPECT_THAT(world.After(absl::Seconds(29)), Not(Contains(HasSubstr("post-mortem"))));
    EXPECT_THAT(world.After(absl::Seconds(6)), Contains("post-mortem c-1 registers"));
    world.PostMortem(Stage::kRegisters, true, interrupts_off);
    world.PostMortem(Stage::kNmi, false);
    world.Gone();
    EXPECT_EQ(world.run().verdict, Verdict::kFail);
    EXPECT_EQ(world.run().ending->kind, Ending::Kind::kHang);
    ASSERT_EQ(world.run().findings.size(), 1u);
    EXPECT_EQ(world.run().findings[0].kind, Kind::kHang);
    EXPECT_THAT(world.run().reason, AllOf(HasSubstr("announced a reboot"), HasSubstr("kexec 1 of 3")));
    EXPECT_EQ(world.Steps(), "drain done, registers done, nmi failed, dump skipped, destroy done");
  }
}

TEST(Reboot, TheKernelIsNotBlamedIfQemuDoesNotRespond) {
  World world;
  world.ToRunning(Long());
  Announce(world);
  world.After(absl::Seconds(36));
  world.PostMortem(Stage::kRegisters, false);
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kError);
  EXPECT_EQ(world.run().ending->kind, Ending::Kind::kVmSilent);
}

TEST(Reboot, CannotTakeLongerThanTheFirstBoot) {
  World world;
  world.ToRunning(Long());
  Announce(world, absl::Hours(10));
  EXPECT_THAT(world.After(Limits().boot + absl::Seconds(6)), Contains("post-mortem c-1 registers"));
}

TEST(Reboot, MayTakeLongerUnderEmulation) {
  Host host = MakeHost("h1");
  host.accelerator = "tcg";
  World world({host});
  world.ToRunning(Long());
  Announce(world, absl::Seconds(20));
  EXPECT_THAT(world.After(absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(world.After(absl::Seconds(7)), Contains("post-mortem c-1 registers"));
}

TEST(Reboot, EndsTheRunImmediatelyIfUnannounced) {
  World world;
  world.ToRunning(Long());
  EXPECT_THAT(world.Connect("boot-2"), AllOf(Contains("destroy c-1"), Not(Contains(HasSubstr("lease")))));
  world.Gone();
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
  EXPECT_EQ(world.run().reason, "unexpected reboot (seen by: agent)");
  EXPECT_THAT(world.run().findings.at(0).excerpt, AllOf(HasSubstr("boot-2"), HasSubstr("boot-1")));
}

TEST(Reboot, EndsTheRunEvenIfOnlyTheConsoleShowsIt) {
  World world;
  world.ToRunning(Long());
  world.Step(ReportSeen{"c-1", Report(Kind::kUnexpectedReboot, "unexpected reboot")});
  EXPECT_THAT(world.After(absl::Seconds(3)), Contains("destroy c-1"));
  world.Gone();
  ASSERT_EQ(world.run().findings.size(), 1u) << "no panic is added to the reboot, which is itself fatal";
  EXPECT_EQ(world.run().verdict, Verdict::kFail);
}

TEST(Reboot, IsUnexpectedIfItFollowsTheAnnouncedOne) {
  World world;
  world.ToRunning(Long());
  Announce(world);
  world.Connect("boot-2");
  EXPECT_THAT(world.run().findings, IsEmpty());
  EXPECT_THAT(world.Connect("boot-3"), Contains("destroy c-1"));
  EXPECT_EQ(world.run().findings.size(), 1u);
}

TEST(Reboot, CausedByLkdsNmiIsNotAFinding) {
  World world;
  world.ToRunning(Long());
  Announce(world);
  world.After(absl::Seconds(36));
  world.PostMortem(Stage::kRegisters, true, true);
  world.PostMortem(Stage::kNmi);
  EXPECT_THAT(world.Step(ReportSeen{"c-1", Report(Kind::kUnexpectedReboot, "unexpected reboot", 9000)}),
              Contains("destroy c-1"));
  world.Gone();
  ASSERT_EQ(world.run().findings.size(), 1u);
  EXPECT_EQ(world.run().findings[0].kind, Kind::kHang);
}

TEST(Reboot, IsStillExpectedAfterARestartOfLkd) {
  World old;
  old.ToRunning(Long());
  Announce(old, absl::Minutes(1));
  Restarted world(old);  // 30 s later
  world.Step(VmReattached{"c-1"});
  EXPECT_THAT(world.After(absl::Seconds(25)), IsEmpty());
  EXPECT_THAT(world.Connect("boot-2"), Contains("lease c-1/1"));
  EXPECT_THAT(world.run().findings, IsEmpty());
  EXPECT_EQ(world.run().announced_boots, 1u);
}

TEST(Tables, AreReplacedAndTheirNumberIsBounded) {
  World world;
  world.ToRunning(Long());
  for (int i = 0; i < 20; ++i) {
    Samples samples;
    samples.tables[fmt::format("table-{}", i)] = {{"cpu"}, {{"0"}}};
    samples.tables["table-0"] = {{"cpu"}, {{std::to_string(i)}}};
    world.Said("c-1", samples);
  }
  EXPECT_EQ(world.run().tables.size(), campaign::kMaxTables);
  EXPECT_THAT(world.run().tables.at("table-0").rows, ElementsAre(ElementsAre("19")));
}

}  // namespace
}  // namespace lk::scheduler
