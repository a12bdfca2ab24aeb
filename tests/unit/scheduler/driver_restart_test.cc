// SPDX-License-Identifier: Apache-2.0
// A new lkd resumes the campaigns in the store and takes over the VMs that it finds on its hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/campaign/mutation.h"
#include "server/scheduler/driver.h"
#include "tests/unit/scheduler/driver_fixture.h"

namespace lk::scheduler {
namespace {

using campaign::RunState;
using campaign::Verdict;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using Kind = vm::VmEvent::Kind;

constexpr char kPanic[] = "[    9.000000] Kernel panic - not syncing: simulated\n";

class DriverRestartTest : public DriverTest {
 protected:
  void HasVm(const std::string& run_id, bool running = true) {
    host().vms->push_back({"lk-" + run_id, run_id, running});
  }
};

// ---- recovery ----------------------------------------------------------------------------------

TEST_F(DriverRestartTest, QueuedRunsStartOnceTheirHostIsUp) {
  Post(NewCampaign("c", 1));  // there is no host
  store_.runs.clear();
  const CampaignAdded added = NewCampaign("d", 1);
  store_.campaigns["d"] = added.campaign;
  store_.runs["d-1"] = added.runs[0];
  AddHost();
  EndLkd();
  MakeLkd();
  ASSERT_TRUE(driver_->Recover().ok());
  ASSERT_TRUE(hosts_->Load(driver_->HostListener()).ok());
  driver_->RunDue();
  EXPECT_THAT(driver_->UnfinishedRuns(), ElementsAre(Pair("d", ElementsAre(Pair("queued", 1)))));
  EXPECT_THAT(log_, IsEmpty());
  Settle();
  EXPECT_EQ(run("d-1").state, RunState::kBooting);
  EXPECT_THAT(log_, ElementsAre("connect", "probe", "list lkd-1", "store d-1 preparing, d running", "expect d-1",
                                "build k1", "start lk-d-1", "store d-1 preparing", "store d-1 booting"));
}

TEST_F(DriverRestartTest, ASpecThatNoLongerParsesIsAnError) {
  CampaignAdded added = NewCampaign("c", 1);
  added.campaign.spec_yaml = "kind: Campaign\n";
  store_.campaigns["c"] = added.campaign;
  EndLkd();
  MakeLkd();
  const Status recovered = driver_->Recover();
  EXPECT_EQ(recovered.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(recovered.message()),
              HasSubstr("campaign c: stored spec no longer parses with this version of lkd: "));
}

TEST_F(DriverRestartTest, ARunWhoseVmStillExistsIsTakenOver) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Print("hello\n");
  HasVm("c-1");
  agents_.terms.clear();
  RestartLkd();
  EXPECT_EQ(log_, Log{"expect c-1"}) << "the agent is expected before lkd has connected to the host";
  EXPECT_EQ(agents_.terms.at("c-1").vcpus, 2u);
  Settle();
  EXPECT_THAT(log_, ElementsAre("expect c-1", "connect", "probe", "list lkd-1",
                                "reattach lk-c-1 to console.host from 6", "store c-1 running"));
  EXPECT_THAT(Journal(), HasSubstr("lkd was restarted and found the VM again"));
  EXPECT_EQ(driver_->Allocated(run().host_id).first, 2u);

  Print("there\n");
  EXPECT_EQ(Recorded(), "hello\nthere\n");
  Tell(Kind::kHostLost, "", "keepalive");
  EXPECT_EQ(run().state, RunState::kFinishing) << "the loss of its host ends the run";
}

TEST_F(DriverRestartTest, ABootingRunIsTakenOverAsBooting) {
  AddHost();
  Post(NewCampaign("c", 1));
  HasVm("c-1");
  RestartLkd();
  Settle();
  EXPECT_EQ(run().state, RunState::kBooting);
  EXPECT_THAT(Journal(), HasSubstr("lkd was restarted and found the VM again"));
}

TEST_F(DriverRestartTest, ARunWhoseVmIsGoneIsJudgedByItsConsole) {
  AddHost();
  Post(NewCampaign("c", 2));
  Connect("c-1");
  Connect("c-2");
  EndLkd();
  std::ofstream(state_ / "runs" / "c-1" / "console.log") << kPanic;
  HasVm("c-2", false);
  log_.clear();
  StartLkd();
  Settle();
  EXPECT_THAT(log_, Not(Contains(HasSubstr("reattach"))));
  EXPECT_EQ(run("c-1").state, RunState::kDone) << "the run does not wait for the end of its console";
  EXPECT_EQ(run("c-1").verdict, Verdict::kFail);
  ASSERT_EQ(run("c-1").findings.size(), 1u);
  EXPECT_EQ(run("c-1").findings[0].title, "kernel panic: simulated");
  EXPECT_EQ(run("c-2").state, RunState::kDone);
  EXPECT_THAT(Journal("c-2"), HasSubstr("it was gone after lkd was restarted: it stopped while lkd was not running"));
  EXPECT_THAT(log_, Contains("destroy lk-c-2")) << "the leftover VM is destroyed";
}

TEST_F(DriverRestartTest, AVmThatCannotBeTakenOverIsDestroyed) {
  AddHost();
  Post(NewCampaign("c", 1));
  Connect();
  HasVm("c-1");
  host().reattach = absl::InternalError("the console cannot be opened");
  RestartLkd();
  Settle();
  EXPECT_THAT(log_, Contains("destroy lk-c-1"));
  EXPECT_EQ(run().state, RunState::kDone);
  EXPECT_THAT(Journal(), HasSubstr("it was gone after lkd was restarted: the console cannot be opened"));
}

TEST_F(DriverRestartTest, AVmWhoseConsoleLogCannotBeOpenedIsDestroyed) {
  AddHost();
  Post(NewCampaign("c", 1));
  Connect();
  HasVm("c-1");
  EndLkd();
  std::filesystem::remove_all(state_ / "runs" / "c-1");
  std::ofstream(state_ / "runs" / "c-1") << "a file";
  log_.clear();
  StartLkd();
  Settle();
  EXPECT_THAT(log_, AllOf(Not(Contains(HasSubstr("reattach"))), Contains("destroy lk-c-1")));
  EXPECT_EQ(run().state, RunState::kDone);
  EXPECT_THAT(Journal(), HasSubstr("cannot create"));
}

TEST_F(DriverRestartTest, LeftoverVmsAreDestroyed) {
  AddHost();
  Post(NewCampaign("c", 1));
  HasVm("old-7");
  HasVm("c-1");
  HasVm("old-8", false);
  host().destroy = absl::InternalError("refused");
  RestartLkd();
  Settle();
  EXPECT_THAT(log_, AllOf(Contains("destroy lk-old-7"), Contains("destroy lk-old-8"), Not(Contains("destroy lk-c-1"))));
}

TEST_F(DriverRestartTest, RunsOnAHostThatDoesNotRespondEnd) {
  AddHost("fake:///1", 2);
  AddHost("fake:///2", 2);
  Post(NewCampaign("c", 2));
  Connect("c-1");
  Connect("c-2");
  const std::string there = run("c-1").provenance.host_uri == "fake:///1" ? "c-1" : "c-2";
  const std::string lost = there == "c-1" ? "c-2" : "c-1";
  HasVm(there);
  fakes_["fake:///2"].connect = absl::UnavailableError("no route");
  RestartLkd();
  Settle();
  EXPECT_EQ(run(there).state, RunState::kRunning);
  EXPECT_EQ(run(lost).state, RunState::kFinishing);
  EXPECT_THAT(Journal(lost), HasSubstr("host lost: no route"));
}

TEST_F(DriverRestartTest, RunsOnAHostThatCannotListItsVmsEnd) {
  AddHost();
  Post(NewCampaign("c", 1));
  host().vms = absl::InternalError("out of memory");
  RestartLkd();
  Settle();
  EXPECT_EQ(run().state, RunState::kFinishing);
  EXPECT_THAT(Journal(), HasSubstr("host lost: out of memory"));
}

TEST_F(DriverRestartTest, RunsOnARemovedHostEnd) {
  AddHost();
  Post(NewCampaign("c", 1));
  Connect();
  store_.hosts.clear();
  RestartLkd();
  Settle();
  EXPECT_EQ(run().state, RunState::kFinishing);
  EXPECT_THAT(Journal(), HasSubstr("it was gone after lkd was restarted: its host was removed"));
  Pass(limits_.drain);
  EXPECT_EQ(run().state, RunState::kDone);
}

TEST_F(DriverRestartTest, NoVmIsExpectedForARunThatAwaitsItsControls) {
  AddHost();
  CampaignAdded added = NewCampaign("c", 2);
  added.runs[1].control = true;
  Post(added);
  Connect("c-1");
  EndLkd();
  scheduler::Run& awaiting = store_.runs.at("c-1");
  awaiting.state = RunState::kAwaitingControls;
  awaiting.verdict = Verdict::kPass;
  awaiting.ending = campaign::Ending{campaign::Ending::Kind::kDone, "", "ok", ""};
  std::ofstream(state_ / "runs" / "c-1" / "initrd.img") << "x";
  HasVm("c-2");
  log_.clear();
  StartLkd();
  Settle();
  EXPECT_THAT(log_, AllOf(Contains("expect c-2"), Not(Contains("expect c-1"))));
  EXPECT_EQ(run("c-1").state, RunState::kAwaitingControls);
  EXPECT_EQ(driver_->Allocated(run("c-2").host_id).first, 2u) << "only the control takes resources";
  EXPECT_FALSE(exists(state_ / "runs" / "c-1" / "initrd.img")) << "the directory of a run that is over is cleaned up";
}

TEST_F(DriverRestartTest, DirectoriesOfFinishedRunsAreCleanedUp) {
  AddHost();
  Post(NewCampaign("c", 1));
  HasVm("c-1");
  EndLkd();
  std::filesystem::create_directories(state_ / "runs" / "old-1");
  for (const char* run_id : {"old-1", "c-1"}) std::ofstream(state_ / "runs" / run_id / "initrd.img") << "x";
  StartLkd();
  Settle();
  EXPECT_FALSE(exists(state_ / "runs" / "old-1" / "initrd.img"));
  EXPECT_TRUE(exists(state_ / "runs" / "c-1" / "initrd.img"));
}

TEST_F(DriverRestartTest, BootsAnnouncedBeforeTheRestartAreNotFindings) {
  AddHost();
  ToRunning(NewCampaign("c", 1));
  Say(RebootAnnounced{"kexec", absl::Seconds(60)});
  Print(Boot());
  HasVm("c-1");
  RestartLkd();
  Settle();
  Print(Boot());
  EXPECT_THAT(run().findings, IsEmpty());
  Print(Boot());
  EXPECT_EQ(run().findings.size(), 1u) << "the second boot was not announced";
}

// ---- hosts that are lost and come back ---------------------------------------------------------

TEST_F(DriverRestartTest, ALostHostAffectsOnlyItsActiveRuns) {
  AddHost("fake:///1", 4);
  AddHost("fake:///2", 2);
  Post(NewCampaign("c", 4));
  std::string over;
  for (const auto& [id, run] : store_.runs) {
    if (run.state != RunState::kQueued && run.provenance.host_uri == "fake:///1") over = id;
  }
  ASSERT_FALSE(over.empty());
  fakes_["fake:///1"].connect = absl::UnavailableError("no route");
  Tell(Kind::kStopped, "lk-" + over);
  Pass(limits_.drain);
  ASSERT_EQ(run(over).state, RunState::kDone);

  std::map<std::string, std::string> uris;  // active run -> URI of its host
  for (const auto& [id, run] : store_.runs) {
    if (run.state == RunState::kBooting) uris[id] = run.provenance.host_uri;
  }
  ASSERT_EQ(uris.size(), 3u);
  log_.clear();
  Tell(Kind::kHostLost, "", "keepalive");
  for (const auto& [id, uri] : uris) {
    const bool lost = uri == "fake:///1";
    EXPECT_EQ(run(id).state, lost ? RunState::kFinishing : RunState::kBooting) << id;
    EXPECT_EQ(run(id).reason == "finishing: VM lost: host lost: keepalive", lost) << id;
  }
  EXPECT_THAT(log_, Not(Contains(HasSubstr(over + " "))));
}

TEST_F(DriverRestartTest, AbandonedVmsAreDestroyedWhenTheirHostComesBack) {
  AddHost();
  Post(NewCampaign("c", 1));
  HasVm("c-1");
  log_.clear();
  Tell(Kind::kHostLost, "", "keepalive");
  EXPECT_THAT(log_, AllOf(Contains("list lkd-1"), Contains("destroy lk-c-1"), Not(Contains(HasSubstr("reattach")))));
  EXPECT_EQ(run().state, RunState::kFinishing);
}

TEST_F(DriverRestartTest, ARunWaitsForAHostThatIsDown) {
  AddHost();
  host().connect = absl::UnavailableError("no route");
  Tell(Kind::kHostLost, "", "keepalive");
  Post(NewCampaign("c", 1));
  EXPECT_EQ(run().state, RunState::kQueued);
  host().connect = absl::OkStatus();
  Pass(absl::Seconds(2));
  EXPECT_EQ(run().state, RunState::kBooting);
}

}  // namespace
}  // namespace lk::scheduler
