// SPDX-License-Identifier: Apache-2.0
// What the core remembers, and its transitions; only core*.cc include it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/campaign/guest_timeouts.h"
#include "server/campaign/mutation.h"
#include "server/scheduler/core.h"

namespace lk::scheduler {

using campaign::Ending;
using campaign::PostMortemStep;
using campaign::RunState;
using Stage = PostMortemStep::Step;

// Run ids in the order of their numbers: "c-2", "c-2.2", "c-10"; campaigns in the order of their ids.
struct RunOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};

// A time that is not set: a timer on it never fires.
constexpr absl::Time kNever = absl::InfiniteFuture();

struct HostAction {
  HostActionAsked asked;
  std::optional<HostActionDone> reply;
  bool undelivered = false;  // replied, and nothing was heard since
};

// A run that is not done.
struct Tracked {
  Run run;
  const v1::ScenarioDescriptor* descriptor = nullptr;
  const campaign::Profile* profile = nullptr;
  const campaign::ScenarioUse* use = nullptr;
  RunState announced = RunState::kQueued;  // what watchers were told

  // Queued.
  std::string avoid_host;             // where an earlier attempt could not start
  absl::Time no_host_since = kNever;  // no suitable host is up

  absl::Time since = kNever;       // entered the present state
  bool launching = false;          // StartVm is not answered
  bool awaiting_reattach = false;  // lkd was restarted: VmReattached or VmGone will come
  bool panicked = false;           // so the panic device says

  // The VM was paused by somebody: what is timed stands still.
  absl::Time paused_at = kNever;
  std::string distrust;                              // of stalls that a pause may have made
  absl::Time distrust_until = absl::InfinitePast();  // they may still be told of

  // Console.
  bool report_open = false;
  std::set<std::pair<uint64_t, detect::Kind>> announced_open;  // reports still being read, by start
  absl::Time last_console = absl::InfinitePast();
  absl::Time last_header = absl::InfinitePast();
  absl::Time fatal_since = kNever;
  bool console_ended = false;

  // Agent.
  uint64_t session = 0;  // the newest
  bool connected = false;
  absl::Time lost_at = kNever;  // the stream ended
  absl::Time heard_at = kNever;
  absl::Time progress_at = kNever;
  uint64_t progress = 0;
  std::string activity;
  absl::Time stalled_at = kNever;               // a stall that counts was reported, and no progress since
  absl::Time cancel_sent = kNever;              // over its time
  std::map<uint64_t, HostAction> host_actions;  // of this boot
  std::map<std::string, uint64_t> dimms;        // by alias, bytes

  // Finishing: the end is known, its stages one after the other.
  std::optional<Stage> step;  // of the post-mortem, under way; the destroy has timers of its own
  absl::Time step_began = kNever;
  bool interrupts_off = false;         // on every vCPU that runs, so the registers say
  std::optional<uint64_t> nmi_answer;  // where the console has it
  absl::Time destroy_by = kNever;      // the guest may power off by itself, or say its last words, until then
  absl::Time destroy_asked = kNever;
  absl::Time destroy_began = kNever;
  int destroy_tries = 0;
  absl::Time gone_at = kNever;
};

struct CampaignEntry {
  Campaign campaign;
  bool cancelled = false;
  bool changed = false;   // to be saved with this step
  std::vector<Run> done;  // only what counting and retries need of them
  size_t live = 0;        // runs that are not done
  size_t active = 0;      // of those, on a host
  // What the positive controls have shown, by scenario and profile.
  std::map<std::pair<std::string, std::string>, campaign::Proof> proofs;

  campaign::Proof& ProofFor(const Run& run) { return proofs[{run.scenario, run.profile}]; }
  void AddDone(const Run& run);
};

struct Core::State {
  State(campaign::Descriptors known, Limits given, std::function<std::string(size_t)> hex);

  // What time brings next for a run; `then` changes what the time was derived from.
  struct Timer {
    absl::Time at = kNever;
    void (State::*then)(Tracked&) = nullptr;
  };
  Timer NextTimer(const Tracked& t) const;
  Timer NextTimerOfRunning(const Tracked& t) const;
  absl::Time NextDeadline() const;
  void RunTimers();

  // ---- core.cc: campaigns, hosts, saving
  void On(const CampaignAdded& event);
  void On(const CampaignCancelled& event);
  void On(const HostChanged& event);
  void On(const HostRemoved& event);
  void On(const Tick&) {}
  Tracked& Track(Run run);
  void FinishCampaigns();
  std::vector<Action> TakeActions();

  CampaignEntry& EntryOf(const Run& run) { return campaigns.at(run.campaign_id); }
  // Nullptr: not there, or its VM and evidence are complete.
  Tracked* Find(const std::string& run_id);
  void Save(const Tracked& t) { dirty.try_emplace(t.run.id); }
  void Do(Action action) { actions.push_back(std::move(action)); }

  // ---- core_placement.cc
  struct Fit {
    const Host* host = nullptr;
    bool offered = true;    // some host offers all that the profile needs
    bool possible = false;  // some host there is could take it when empty
    bool up = false;        // one of those is up
    std::string reason;     // why not
  };
  Fit FindHost(const Tracked& t) const;
  void PlaceQueued();
  void Place(Tracked& t, const Host& host);
  void Skip(Tracked& t, std::string reason);
  void MissNoHost(Tracked& t);
  void MissDeadline(Tracked& t);

  // ---- core_vm.cc: the VM, its console and what the hypervisor tells
  void On(const ImageReady& event);
  void On(const VmStarted& event);
  void On(const StartFailed& event);
  void On(const VmReattached& event);
  void On(const VmGone& event);
  void On(const VmPanicked& event);
  void On(const VmPaused& event);
  void On(const VmResumed& event);
  void On(const VmWatchdogFired& event);
  void On(const ReportSeen& event);
  void On(const ReportBegan& event);
  void On(const ConsoleCanary& event);
  void On(const ConsoleBytes& event);
  void On(const ConsoleEnded& event);
  void Enter(Tracked& t, RunState state);
  void MarkFatal(Tracked& t);
  void FlushReport(Tracked& t);
  // What the controller knows of a finding beside the witness's own words.
  void Complete(const Tracked& t, Finding& finding, Witness witness) const;
  void Seen(Tracked& t, Finding finding, Witness witness);
  void AddFinding(Tracked& t, Finding finding, Witness witness);
  // Watchers are told of what is not known in full yet; it is no finding of the run so far.
  void AnnounceOpen(Tracked& t, Finding finding);

  // ---- core_agent.cc: what agents say
  void On(const AgentConnected& event);
  void On(const AgentDisconnected& event);
  void On(const AgentMisbehaved& event);
  void On(const AgentSaid& event);
  void On(const HostActionDone& event);
  // False: nobody had announced it, and the run ends.
  bool BeginBoot(Tracked& t, const AgentConnected& event);
  void Said(Tracked& t, const Heartbeat& words);
  void Said(Tracked& t, const Samples& words);
  void Said(Tracked& t, const GuestFinding& words);
  void Said(Tracked& t, const KmsgSeen& words);
  void Said(Tracked& t, const HostActionAsked& words);
  void Said(Tracked& t, const RebootAnnounced& words);
  void Said(Tracked& t, const AgentDone& words);
  void Said(Tracked& t, const CanaryWritten& words);
  std::string WhyRefused(const Tracked& t, const HostActionAsked& asked) const;

  // ---- core_post_mortem.cc: what is done about a guest that does not answer
  void On(const PostMortemStepDone& event);
  // Decides the end and begins the first step; the last one destroys the VM.
  void BeginPostMortem(Tracked& t, Ending ending);
  void BeginStep(Tracked& t, Stage step);
  std::string WhySkipped(const Tracked& t, Stage step) const;
  void RecordStep(Tracked& t, PostMortemStep step);
  // What the step under way gave.
  void FinishStep(Tracked& t, PostMortemStep::Outcome outcome, std::string detail, const std::string& text = "");
  // Besides, the next one begins.
  void EndStep(Tracked& t, PostMortemStep::Outcome outcome, std::string detail, const std::string& text = "");
  // These three do nothing where there is no post-mortem.
  void SkipSteps(Tracked& t, const std::string& why);
  void RecordDestroy(Tracked& t);
  void RecordGone(Tracked& t, VmGone::How gone, const std::string& how);
  void WeighRegisters(Tracked& t, const PostMortemStepDone& done);
  void AnswerNmi(Tracked& t, const Finding& finding);
  absl::Time StepDeadline(const Tracked& t) const;
  void EndDrain(Tracked& t);
  void EndUnanswered(Tracked& t);

  // ---- core_end.cc: how runs end
  // The end is decided, and kept in the run in case that lkd is restarted.
  void Decide(Tracked& t, Ending ending);
  // Besides, the VM is destroyed at `destroy_by` unless it goes before.
  void End(Tracked& t, Ending ending, absl::Time destroy_by);
  void End(Tracked& t, Ending::Kind kind, std::string detail = "") {
    End(t, Ending{kind, std::move(detail), {}, {}}, now);
  }
  // A run without a VM.
  void EndQueued(Tracked& t, Ending::Kind kind, std::string reason, bool retry);
  void Cancel(Tracked& t);
  void Destroy(Tracked& t);
  void BeginDrain(Tracked& t);
  void Finish(Tracked& t);
  void Judge(Tracked& t);
  bool MustAwait(const Tracked& t);
  void Conclude(Tracked& t, bool retry);
  // Concludes the runs whose controls are judged.
  void ConcludeProven();
  void TryAgain(Tracked& t);
  // Timers.
  void EndNotStarted(Tracked& t);
  void EndNotFound(Tracked& t);
  void EndNoAgent(Tracked& t);
  void EndAgentLost(Tracked& t);
  void EndHang(Tracked& t);
  void EndNotBack(Tracked& t);
  void EndStuck(Tracked& t);
  void EndFatal(Tracked& t);
  void EndPaused(Tracked& t);
  void SendOverdue(Tracked& t);
  void EndOverdue(Tracked& t);

  campaign::GuestTimeouts Timeouts(const Tracked& t) const { return campaign::TimeoutsFor(Factor(t)); }
  double Factor(const Tracked& t) const { return t.run.accelerator == "tcg" ? limits.emulation_factor : 1; }
  void Journal(Tracked& t, std::string_view text) const;

  const campaign::Descriptors descriptors;
  const Limits limits;
  const std::function<std::string(size_t)> random_hex;

  std::map<std::string, Host> hosts;
  std::map<std::string, std::pair<uint32_t, uint64_t>> allocated;  // by host: vCPUs, bytes
  std::map<std::string, CampaignEntry> campaigns;                  // unfinished
  std::map<std::string, Tracked, RunOrder> runs;                   // not done

  // Of the step being made.
  absl::Time now = absl::InfinitePast();
  bool restored = false;                                        // no step was made since Restore
  bool place = false;                                           // something changed that decides over places
  bool prove = false;                                           // controls were judged that runs may wait for
  std::map<std::string, std::vector<Finding>, RunOrder> dirty;  // runs to save, with new findings
  std::vector<Action> actions;                                  // after the saves
  absl::Time deadline = kNever;
};

// When the guest got its lease: derived from phases that are stored, so it survives a restart. Only when it did.
absl::Time LeasedAt(const Run& run);
inline bool WasLeased(const Run& run) {
  return run.phase_seconds.contains("boot");
}

// The guest announced a boot that has not come yet.
inline bool Rebooting(const Run& run) {
  return run.reboot_until != absl::InfinitePast();
}

// The post-mortem sent the guest an NMI, or may have: it answers with a panic.
bool NmiSent(const Run& run);

// What stays of a done run: what counting, retries and controls need.
Run Outline(const Run& run);

}  // namespace lk::scheduler
