// SPDX-License-Identifier: Apache-2.0
// How the driver handles VMs, their consoles and their agents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/scheduler/driver.h"
#include "tests/unit/scheduler/driver_fixture.h"

namespace lk::scheduler {
namespace {

using campaign::PostMortemStep;
using campaign::RunState;
using campaign::Verdict;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using ActionKind = HostActionAsked::Kind;
using Kind = vm::VmEvent::Kind;

class DriverVmTest : public DriverTest {
 protected:
  CampaignAdded WithRetry() const {
    CampaignAdded added = NewCampaign("c", 1);
    added.campaign.spec.retries_error = 1;
    return added;
  }
};

// ---- starting ----------------------------------------------------------------------------------

TEST_F(DriverVmTest, AVmIsStartedAsItsRunAndScenarioRequire) {
  auto& files = *descriptor_.mutable_guest_files();
  files.add_modules("virtio_mem");
  files.set_kernel_image(true);
  descriptor_.add_scratch_disks()->set_size_bytes(4096);
  EndLkd();
  StartLkd();
  AddHost();
  Post(NewCampaign("c", 1));

  const std::filesystem::path directory = state_ / "runs" / "c-1";
  ASSERT_EQ(images_.requests.size(), 1u);
  const vm::Images::Request& request = images_.requests[0];
  EXPECT_EQ(request.kernel_id, "k1");
  EXPECT_THAT(request.extra_modules, ElementsAre("virtio_mem"));
  EXPECT_TRUE(request.kernel_image);
  EXPECT_EQ(request.directory, directory);
  EXPECT_EQ(request.run.ca_pem, "the CA");
  EXPECT_THAT(request.run.config, ElementsAre(Pair("address", "10.0.2.15/24"), Pair("controller", "10.0.2.2:7443"),
                                              Pair("gateway", "10.0.2.2"), Pair("run_id", "c-1"),
                                              Pair("server_name", "lkd"), Pair("token", run().token)));

  const vm::VmSpec& spec = host().specs.at("lk-c-1");
  EXPECT_EQ(spec.run_id, "c-1");
  EXPECT_EQ(spec.owner, "lkd-1");
  EXPECT_EQ(spec.profile.name, "plain");
  EXPECT_EQ(spec.accelerator, "kvm");
  EXPECT_EQ(spec.kernel, "vmlinuz");
  EXPECT_EQ(spec.initrd, "initrd.img");
  EXPECT_EQ(spec.cmdline, run().cmdline);
  EXPECT_EQ(spec.console_log, directory / "console.host");
  ASSERT_EQ(spec.disks.size(), 1u);
  EXPECT_EQ(file_size(spec.disks[0].path), 4096u);

  EXPECT_EQ(run().provenance.image_sha256, "0123");
}

TEST_F(DriverVmTest, PreparationTimesAreMeasured) {
  AddHost();
  pool_.held = true;
  Post(NewCampaign("c", 1));
  host().on_call = [this](const std::string& call) {
    if (call.starts_with("start")) clock_.now += absl::Seconds(2);
  };
  pool_.held = false;
  Settle();
  EXPECT_THAT(run().phase_seconds, ElementsAre(Pair("define", 2), Pair("image", 0)));
}

TEST_F(DriverVmTest, AHostThatCannotStartAVmIsAvoided) {
  AddHost("fake:///1");
  AddHost("fake:///2");
  for (auto& [uri, fake] : fakes_) fake.start = vm::WithFault(absl::InternalError("no memory"), vm::Fault::kHost);
  Post(WithRetry());
  EXPECT_EQ(run("c-1").state, RunState::kDone);
  EXPECT_EQ(run("c-1").verdict, Verdict::kMiss);
  EXPECT_THAT(Journal("c-1"), HasSubstr("not started: no memory"));
  EXPECT_NE(run("c-1.2").host_id, run("c-1").host_id);
}

TEST_F(DriverVmTest, AHostIsNotAvoidedIfLkdIsAtFault) {
  AddHost("fake:///1");
  AddHost("fake:///2");
  for (auto& [uri, fake] : fakes_) fake.start = vm::WithFault(absl::InternalError("bad XML"), vm::Fault::kOurs);
  Post(WithRetry());
  EXPECT_THAT(Journal("c-1"), HasSubstr("not started: bad XML"));
  EXPECT_EQ(run("c-1.2").host_id, run("c-1").host_id);
}

TEST_F(DriverVmTest, NoVmIsStartedWithoutAnImage) {
  AddHost("fake:///1");
  AddHost("fake:///2");
  images_.image = absl::NotFoundError("no kernel k1");
  Post(WithRetry());
  EXPECT_EQ(run("c-1").verdict, Verdict::kMiss);
  EXPECT_THAT(Journal("c-1"), HasSubstr("not started: no kernel k1"));
  EXPECT_THAT(log_, Not(Contains(HasSubstr("start lk"))));
  EXPECT_EQ(run("c-1.2").host_id, run("c-1").host_id) << "a host that is not at fault is not avoided";
}

TEST_F(DriverVmTest, AHostThatIsRemovedBeforeTheLaunchIsAvoided) {
  AddHost("fake:///1");
  AddHost("fake:///2");
  pool_.held = true;
  Post(WithRetry());
  const std::string id = run().host_id;
  ASSERT_TRUE(hosts_->Remove(id).ok());
  pool_.held = false;
  Settle();
  EXPECT_THAT(Journal("c-1"), HasSubstr("not started: no connection to host " + id));
  EXPECT_NE(run("c-1.2").host_id, id);
  EXPECT_EQ(images_.requests.size(), 1u) << "only the second attempt built an image";
}

// ---- destroying --------------------------------------------------------------------------------

TEST_F(DriverVmTest, ADestroyedVmIsGone) {
  AddHost();
  Post(NewCampaign("c", 1));
  log_.clear();
  Post(CampaignCancelled{"c"});
  EXPECT_THAT(log_, Contains("destroy lk-c-1"));
  EXPECT_THAT(Journal(), HasSubstr("VM gone"));
  Pass(limits_.drain);
  EXPECT_EQ(run().state, RunState::kDone);
}

TEST_F(DriverVmTest, AFailedDestroyIsRetried) {
  AddHost();
  Post(NewCampaign("c", 1));
  host().destroy = absl::InternalError("cannot kill the process");
  Post(CampaignCancelled{"c"});
  log_.clear();
  Pass(limits_.destroy - absl::Seconds(1));
  EXPECT_THAT(log_, IsEmpty());
  EXPECT_EQ(run().state, RunState::kFinishing);
  host().destroy = absl::OkStatus();
  Pass(absl::Seconds(1));
  EXPECT_THAT(log_, Contains("destroy lk-c-1"));
  Pass(limits_.drain);
  EXPECT_EQ(run().state, RunState::kDone);
}

TEST_F(DriverVmTest, NothingIsDestroyedWithoutAConnection) {
  const std::string id = AddHost();
  Post(NewCampaign("c", 1));
  ASSERT_TRUE(hosts_->Remove(id).ok());
  Post(CampaignCancelled{"c"});
  Pass(limits_.drain);
  EXPECT_EQ(run().state, RunState::kDone);
}

TEST_F(DriverVmTest, AVmIsDestroyedOnlyAfterItsLaunch) {
  AddHost();
  pool_.held = true;
  Post(NewCampaign("c", 1));
  Post(CampaignCancelled{"c"});
  EXPECT_THAT(pool_.keys, ElementsAre("", "c-1", "c-1"));
  pool_.held = false;
  log_.clear();
  Settle();
  EXPECT_THAT(log_, AllOf(Contains("start lk-c-1"), Contains("destroy lk-c-1")));
}

// ---- calls that may block ----------------------------------------------------------------------

TEST_F(DriverVmTest, HostActionsArePerformedInTheLaneOfTheirRun) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  pool_.keys.clear();
  host().on_call = [this](const std::string& call) {
    log_.push_back(call);
    clock_.now += absl::Seconds(1);
  };
  lanes_.held = true;
  Say(HostActionAsked{1, ActionKind::kAttachDimm, uint64_t{128} << 20, ""});
  EXPECT_THAT(lanes_.keys, ElementsAre("c-1"));
  EXPECT_THAT(agents_.replies, IsEmpty());
  lanes_.held = false;
  Settle();
  host().detach = vm::WithFault(absl::FailedPreconditionError("the guest refused to release it"), vm::Fault::kGuest);
  Say(HostActionAsked{2, ActionKind::kDetachDimm, 0, "dimm0"});
  Say(HostActionAsked{3, ActionKind::kResizeVirtioMem, uint64_t{256} << 20, ""});
  EXPECT_THAT(lanes_.keys, Each("c-1"));
  EXPECT_THAT(pool_.keys, IsEmpty());
  EXPECT_THAT(log_, AllOf(Contains("attach lk-c-1 134217728"), Contains("detach lk-c-1 dimm0 30s"),
                          Contains("resize lk-c-1 268435456")));

  ASSERT_EQ(agents_.replies.size(), 3u);
  EXPECT_EQ(agents_.replies[0].id, 1u);
  EXPECT_EQ(agents_.replies[0].error, "");
  EXPECT_EQ(agents_.replies[0].alias, "dimm0");
  EXPECT_EQ(agents_.replies[0].took, absl::Seconds(1));
  EXPECT_EQ(agents_.replies[1].error, "the guest refused to release it");
  EXPECT_TRUE(agents_.replies[1].refused_by_guest);
  EXPECT_EQ(agents_.replies[1].alias, "dimm0");
  EXPECT_EQ(agents_.replies[2].error, "");
}

TEST_F(DriverVmTest, AScratchDiskIsReplugged) {
  descriptor_.add_host_actions("replug_disk");
  for (int i = 0; i < 2; ++i) descriptor_.add_scratch_disks()->set_size_bytes(4096);
  EndLkd();
  StartLkd();
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Say(HostActionAsked{1, ActionKind::kReplugDisk, 0, "", 1});
  EXPECT_THAT(log_, Contains(MatchesRegex("replug lk-c-1 .* scratch-1.img 1 30s")));
  host().replug = vm::WithFault(absl::DeadlineExceededError("no response from the guest"), vm::Fault::kGuest);
  Say(HostActionAsked{2, ActionKind::kReplugDisk, 0, "", 1});
  Say(HostActionAsked{3, ActionKind::kReplugDisk, 0, "", 2});
  ASSERT_EQ(agents_.replies.size(), 3u);
  EXPECT_EQ(agents_.replies[0].error, "");
  EXPECT_EQ(agents_.replies[1].error, "no response from the guest");
  EXPECT_FALSE(agents_.replies[1].refused_by_guest) << "silence is not a refusal";
  EXPECT_TRUE(agents_.replies[1].guest_silent);
  EXPECT_EQ(agents_.replies[2].error, "no scratch disk 2; the run has 2");
}

TEST_F(DriverVmTest, FailedHostActionsReturnTheError) {
  const std::string id = AddHost();
  ToRunning(NewCampaign("c", 1));
  host().dimm = absl::InternalError("no slot");
  host().resize = absl::InternalError("no such device");
  Say(HostActionAsked{1, ActionKind::kAttachDimm, uint64_t{128} << 20, ""});
  Say(HostActionAsked{2, ActionKind::kResizeVirtioMem, uint64_t{128} << 20, ""});
  ASSERT_TRUE(hosts_->Remove(id).ok());
  Say(HostActionAsked{3, ActionKind::kDetachDimm, 0, "dimm0"});
  ASSERT_EQ(agents_.replies.size(), 3u);
  EXPECT_EQ(agents_.replies[0].error, "no slot");
  EXPECT_EQ(agents_.replies[1].error, "no such device");
  EXPECT_EQ(agents_.replies[2].error, "no connection to the host");
}

TEST_F(DriverVmTest, APostMortemHasASeparateLane) {
  AddHost();
  Post(NewCampaign("c", 1, "  onHang: { nmi: true, dump: false }\n"));
  host().cpus = {{vm::Vcpu{.index = 0, .interrupts_off = true, .registers = "RIP=1"}}};
  pool_.keys.clear();
  lanes_.keys.clear();
  lanes_.held = true;  // QEMU hangs
  log_.clear();
  Pass(limits_.boot + limits_.drain);
  ASSERT_EQ(run().post_mortem.size(), 2u);
  EXPECT_THAT(lanes_.keys, ElementsAre("c-1/delays", "c-1/console", "c-1/post-mortem"));
  EXPECT_THAT(pool_.keys, IsEmpty());
  lanes_.held = false;
  Settle();
  EXPECT_THAT(log_, AllOf(Contains("registers lk-c-1"), Contains("nmi lk-c-1")));
  EXPECT_THAT(lanes_.keys, ElementsAre("c-1/delays", "c-1/console", "c-1/post-mortem", "c-1/post-mortem"));
  EXPECT_THAT(pool_.keys, IsEmpty());
  ASSERT_GE(run().post_mortem.size(), 3u);
  EXPECT_EQ(run().post_mortem[1].outcome, PostMortemStep::Outcome::kDone);
  EXPECT_THAT(run().post_mortem[1].text, HasSubstr("RIP=1"));
}

TEST_F(DriverVmTest, DestroyingDoesNotWaitForBlockedCalls) {
  AddHost();
  Post(NewCampaign("c", 1));
  lanes_.held = true;
  Pass(limits_.boot + limits_.drain + limits_.registers);
  EXPECT_THAT(log_, Contains("destroy lk-c-1"));
}

TEST_F(DriverVmTest, APostMortemWithoutAConnectionFails) {
  const std::string id = AddHost();
  Post(NewCampaign("c", 1));
  ASSERT_TRUE(hosts_->Remove(id).ok());
  Pass(limits_.boot + limits_.drain);
  ASSERT_GE(run().post_mortem.size(), 2u);
  EXPECT_EQ(run().post_mortem[1].step, PostMortemStep::Step::kRegisters);
  EXPECT_EQ(run().post_mortem[1].outcome, PostMortemStep::Outcome::kFailed);
  EXPECT_EQ(run().post_mortem[1].detail, "no connection to the host");
}

// ---- events from the hypervisor ----------------------------------------------------------------

TEST_F(DriverVmTest, EventsOfAVmReachItsRun) {
  AddHost();
  Post(NewCampaign("c", 4));
  Tell(Kind::kPaused, "lk-c-1", "user");
  Tell(Kind::kResumed, "lk-c-1");
  Tell(Kind::kWatchdog, "lk-c-1", "reset");
  Tell(Kind::kPanicked, "lk-c-1");
  Tell(Kind::kPaused, "lk-c-1", "crashed", true);
  Tell(Kind::kStopped, "lk-c-2", "shutdown");
  Tell(Kind::kCrashed, "lk-c-3", "QEMU died");
  Tell(Kind::kDestroyed, "lk-c-4", "virsh");
  Pass(absl::Minutes(1));
  EXPECT_THAT(
      run("c-1").journal,
      ElementsAre(HasSubstr("VM started"), HasSubstr("VM paused: user"), HasSubstr("VM resumed after"),
                  HasSubstr("finding: watchdog device fired"), HasSubstr("the panic device reports"),
                  HasSubstr("VM paused on its own: crashed"), HasSubstr("finishing: fatal"), HasSubstr("VM gone")));
  EXPECT_THAT(Journal("c-2"), HasSubstr("VM lost: it stopped on its own: shutdown"));
  EXPECT_THAT(Journal("c-3"), HasSubstr("VM lost: it crashed: QEMU died"));
  EXPECT_THAT(Journal("c-4"), HasSubstr("VM lost: it was destroyed from outside: virsh"));
}

TEST_F(DriverVmTest, EventsOfOtherVmsAreIgnored) {
  AddHost();
  Post(NewCampaign("c", 1));
  for (const char* name : {"c-1", "lk-", "lk-c-2", "web-c-1", ""}) Tell(Kind::kStopped, name);
  Tell(Kind::kHostBack, "");
  Tell(Kind::kHostBack, "lk-c-1");
  EXPECT_EQ(run().state, RunState::kBooting);
}

// ---- consoles ----------------------------------------------------------------------------------

constexpr char kLinux[] = "[    0.000000] Linux version 6.1.0 (a@b) (gcc)\n";

constexpr char kLeak[] = "[    2.000000] spin: leaked 3 pages\n";

TEST_F(DriverVmTest, AConsoleIsRecordedUntilItsEnd) {
  AddHost();
  Post(NewCampaign("c", 1));
  Print(kLinux);
  Print(kLeak);
  Tell(Kind::kStopped);
  EXPECT_EQ(run().state, RunState::kFinishing);
  host().consoles.at("lk-c-1").on_end();
  Settle();
  EXPECT_EQ(run().state, RunState::kDone);
  EXPECT_EQ(Recorded(), std::string(kLinux) + kLeak);
  EXPECT_EQ(run().console_bytes, Recorded().size());
}

TEST_F(DriverVmTest, ConsoleFindingsAreAnnouncedInOrder) {
  AddHost();
  Post(NewCampaign("c", 1));
  events_.clear();
  Print("[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [lk-canary-0000000000000001:1]\n");
  Print("[    2.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [spin:77]\n");
  EXPECT_TRUE(run().canary_console);
  EXPECT_THAT(events_, ElementsAre(HasSubstr("c-1 open: BUG: soft lockup"))) << "the report is still being read";
  EXPECT_THAT(run().findings, IsEmpty());
  host().consoles.at("lk-c-1").on_end();
  Settle();
  EXPECT_THAT(events_, ElementsAre(HasSubstr("c-1 open: BUG: soft lockup"), HasSubstr("c-1 BUG: soft lockup")));
  EXPECT_THAT(run().findings, SizeIs(1));
  Tell(Kind::kStopped);
  EXPECT_EQ(run().state, RunState::kDone) << "the run does not wait for a console that has already ended";
}

TEST_F(DriverVmTest, ConsoleGrowthIsQueuedOncePerRun) {
  AddHost();
  Post(NewCampaign("c", 1));
  for (int i = 0; i < 1000; ++i) host().consoles.at("lk-c-1").on_bytes("line\n");
  EXPECT_EQ(Recorded().size(), 5000u);
  clock_.now += absl::Seconds(5);
  Settle();
  Pass(limits_.boot);
  EXPECT_EQ(run().console_bytes, 5000u);
  EXPECT_THAT(run().reason, HasSubstr("the console has been silent for 55.0s"));
}

TEST_F(DriverVmTest, FindingsBeyondTheLimitAreDropped) {
  AddHost();
  Post(NewCampaign("c", 2));
  std::string text;
  for (int i = 0; i < 1100; ++i) text += kLeak;
  Print(text);
  Print(kLeak, "c-2");
  Tell(Kind::kStopped, "lk-c-1");
  Tell(Kind::kStopped, "lk-c-2");
  Pass(limits_.drain);
  ASSERT_EQ(run("c-1").findings.size(), 2u);
  EXPECT_EQ(run("c-1").findings[0].count, 1000u);
  EXPECT_EQ(run("c-2").findings.size(), 2u) << "each run has its own limit";
}

TEST_F(DriverVmTest, AReportIsClosedWhenTheConsoleIsQuiet) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Print("[    2.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [spin:77]\n");
  Pass(limits_.report_quiet - absl::Milliseconds(1));
  EXPECT_THAT(run().findings, IsEmpty());
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(run().findings.size(), 1u);
}

TEST_F(DriverVmTest, AnAnnouncedBootIsNotAFinding) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Print(Boot());
  Say(RebootAnnounced{"kexec", absl::Seconds(60)});
  Print(Boot());
  EXPECT_THAT(run().findings, IsEmpty());
  Print(Boot());
  EXPECT_EQ(run().findings.size(), 1u);
}

TEST_F(DriverVmTest, DetectionHasASeparateLane) {
  AddHost();
  Post(NewCampaign("c", 1));
  pool_.keys.clear();
  lanes_.held = true;
  Print(kLeak);
  EXPECT_THAT(lanes_.keys, ElementsAre("c-1/console", "c-1/delays"));
  EXPECT_THAT(pool_.keys, IsEmpty());
  EXPECT_EQ(Recorded(), kLeak) << "recording does not wait for detection";
}

// ---- agents ------------------------------------------------------------------------------------

TEST_F(DriverVmTest, AnAgentIsHeldToItsScenarioAndProfile) {
  limits_.report_quiet = absl::Seconds(7);
  EndLkd();
  StartLkd();
  AddHost();
  Post(NewCampaign("c", 1));
  const AgentTerms& terms = agents_.terms.at("c-1");
  EXPECT_EQ(terms.kernel_log.quiet, absl::Seconds(7));
  ASSERT_EQ(terms.kernel_log.invariants.size(), 1u) << "an invariant without a literal is left out";
  EXPECT_EQ(terms.kernel_log.invariants[0].name, "leak");
  EXPECT_EQ(terms.kernel_log.invariants[0].literal, "spin: leaked");
  EXPECT_THAT(terms.probes, ElementsAre("timer_wakeup"));
  EXPECT_THAT(terms.host_actions, ElementsAre("attach_dimm", "detach_dimm", "resize_virtio_mem"));
  EXPECT_EQ(terms.vcpus, 2u);
  Finding finding;
  terms.kernel_log.locate(finding);  // does nothing: the kernel has no debug information
}

TEST_F(DriverVmTest, ALeaseContainsWhatTheCampaignAsksFor) {
  AddHost();
  CampaignAdded added = NewCampaign("c", 1);
  added.campaign.spec.scenarios[0].parameters = {{"threads", "3"}};
  added.runs[0].seed = 42;
  ToRunning(added);
  const LeaseTerms& terms = agents_.leases.at("c-1");
  EXPECT_EQ(terms.scenario, "spin");
  EXPECT_THAT(terms.parameters, ElementsAre(Pair("threads", "3")));
  EXPECT_EQ(terms.duration, absl::Seconds(20));
  EXPECT_EQ(terms.hard_cap, absl::Minutes(10));
  EXPECT_EQ(terms.heartbeat_interval, absl::Seconds(1));
  EXPECT_EQ(terms.canary_nonce, "0000000000000001");
  EXPECT_EQ(terms.seed, 42u);
  EXPECT_EQ(terms.kill_worker_after, std::nullopt);
}

TEST_F(DriverVmTest, MessagesToAnAgentAreSent) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Connect();
  EXPECT_THAT(log_, AllOf(Contains("drop c-1/1"), Contains("lease c-1/2")));
  Say(Heartbeat{1, "spinning", {}});
  EXPECT_THAT(log_, Contains("ack c-1/2 1"));
  Post(CampaignCancelled{"c"});
  EXPECT_THAT(log_, Contains("cancel c-1"));
}

TEST_F(DriverVmTest, ReadsTheDelaysOfVcpusFromTheHost) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  host().delays = std::vector<absl::Duration>{absl::Seconds(1), absl::Milliseconds(500)};
  Say(Heartbeat{1, "", {}});
  EXPECT_EQ(run().delay_seconds, 0) << "saved with the next message";
  Say(Heartbeat{2, "", {}});
  EXPECT_EQ(run().delay_seconds, 1.5);

  // The vCPU has lost all of the time since the last heartbeat.
  Pass(absl::Seconds(8));
  host().delays = std::vector<absl::Duration>{absl::Seconds(9), absl::Milliseconds(500)};
  Print("[    2.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 8s! [spin:77]\n");
  Pass(absl::Seconds(4));
  ASSERT_EQ(run().findings.size(), 1u);
  EXPECT_EQ(run().findings[0].distrust, "the host gave vCPU 0 no CPU time for 8.00s of 8.00s");
}

TEST_F(DriverVmTest, TellsTheCoreThatAStallIsOver) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Print(
      "[    2.000000] smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 3000000400 ns for CPU#01 "
      "f+0x0/0x20(0x0).\n");
  Pass(absl::Seconds(4));  // the report is complete
  ASSERT_EQ(run().findings.size(), 1u);
  EXPECT_FALSE(run().findings[0].transient);
  Print("[    6.000000] smp: csd: CSD lock (#1) got unstuck on CPU#00, CPU#01 released the lock.\n");
  EXPECT_TRUE(run().findings[0].transient);
}

}  // namespace
}  // namespace lk::scheduler
