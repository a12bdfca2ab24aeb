// SPDX-License-Identifier: Apache-2.0
// The core's state and its transitions. Included only by core*.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/campaign/findings.h"
#include "server/campaign/guest_timeouts.h"
#include "server/campaign/mutation.h"
#include "server/scheduler/core.h"
#include "server/scheduler/lost_time.h"

namespace lk::scheduler {

using campaign::Ending;
using campaign::PostMortemStep;
using campaign::RunState;
using Stage = PostMortemStep::Step;

// Orders run ids by campaign, then by their numbers ("c-2", "c-2.2", "c-10").
struct RunOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};

// A time that is not set; a timer based on it never fires.
constexpr absl::Time kNever = absl::InfiniteFuture();

struct HostAction {
  HostActionAsked asked;
  std::optional<HostActionDone> reply;
  bool undelivered = false;  // replied, but the agent has sent no message since
};

// The distrust of a stall for as long as it is not known whether the host caused it.
inline constexpr std::string_view kUnweighed = "the CPU time of its vCPUs is not known yet";

// The distrust of a stall for which lkd was restarted before it was known.
inline constexpr std::string_view kNeverWeighed = "lkd was restarted before the CPU time of its vCPUs was known";

// A stall, silence, or an event that took too long, which the host may have caused.
struct Stall {
  absl::Time from, to;
  absl::Duration limit;  // after which the detector fires on a real CPU, or which the event may take
  // Its report; or the counter of such events.
  std::string title = {};
  bool on_console = false;
  std::string counter = {};
};

// A run that is not done yet.
struct Tracked {
  Run run;
  const v1::ScenarioDescriptor* descriptor = nullptr;
  const campaign::Profile* profile = nullptr;
  const campaign::ScenarioUse* use = nullptr;
  RunState announced = RunState::kQueued;  // as last announced to watchers

  // Queued.
  std::string avoid_host;             // host on which an earlier attempt could not start
  absl::Time no_host_since = kNever;  // no suitable host has been up since then

  absl::Time since = kNever;       // when the current state was entered
  bool launching = false;          // StartVm is in progress
  bool awaiting_reattach = false;  // lkd was restarted: VmReattached or VmGone will follow
  bool panicked = false;           // according to the panic device

  // A pause that somebody requested, as opposed to QEMU itself, suspends the timers.
  absl::Time paused_at = kNever;
  std::string distrust;                              // reason to distrust stalls that a pause may have caused
  absl::Time distrust_until = absl::InfinitePast();  // such stalls may be reported until then

  // The host may have caused a stall if it kept the vCPUs from running.
  LostTime delays, steal;                         // according to the host, and to the guest
  bool delays_asked = false;                      // the answer to ReadVcpuDelays has not come
  absl::Time delays_read = absl::InfinitePast();  // of the last answer
  std::vector<Stall> unweighed;                   // reported since the delays were last read
  std::optional<Stall> silence;                   // of the guest or its trigger, for which the run ends

  // Console.
  campaign::ConsoleReports console;
  uint64_t replayed = 0;  // reports below this offset are read again, since lkd was restarted
  bool report_open = false;
  // Reports still being read, by offset, and when they began.
  std::map<std::pair<uint64_t, detect::Kind>, absl::Time> announced_open;
  absl::Time last_console = absl::InfinitePast();
  absl::Time last_header = absl::InfinitePast();
  absl::Time fatal_since = kNever;
  bool console_ended = false;

  // Agent.
  uint64_t session = 0;  // id of the latest session
  bool connected = false;
  absl::Time lost_at = kNever;  // when the stream ended
  absl::Time heard_at = kNever;
  absl::Time progress_at = kNever;
  uint64_t progress = 0;
  std::string activity;
  absl::Time stalled_at = kNever;               // when a stall held against the kernel was reported; unset by progress
  absl::Time cancel_sent = kNever;              // when the agent was told to stop because of the time limit
  std::map<uint64_t, HostAction> host_actions;  // of the current boot
  std::map<std::string, uint64_t> dimms;        // alias -> bytes

  // Finishing: the ending has been decided.
  std::optional<Stage> step;  // current post-mortem step, except destroying the VM, which has separate timers
  absl::Time step_began = kNever;
  bool interrupts_off = false;         // on every running vCPU, according to the registers
  std::optional<uint64_t> nmi_answer;  // console offset of the panic that the NMI caused
  absl::Time destroy_by = kNever;      // until then, the guest may power off or send its last messages
  absl::Time destroy_asked = kNever;
  absl::Time destroy_began = kNever;
  int destroy_tries = 0;
  absl::Time gone_at = kNever;
  bool proof_ended = false;  // see EndProof
};

struct CampaignEntry {
  Campaign campaign;
  bool cancelled = false;
  bool changed = false;   // to be saved at the end of this step
  std::vector<Run> done;  // reduced to what counting and retries need
  size_t live = 0;        // runs that are not done
  size_t active = 0;      // live runs that are on a host
  // The results of the positive controls and of their siblings, by scenario and profile.
  std::map<std::pair<std::string, std::string>, campaign::Proof> proofs;

  campaign::Proof& ProofFor(const Run& run) { return proofs[{run.scenario, run.profile}]; }
  void AddDone(const Run& run);
};

struct Core::State {
  State(campaign::Descriptors known, Limits given, std::function<std::string(size_t)> hex);

  // A run's next timer. `then` must change the state from which `at` is computed, or RunTimers would never return.
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

  const campaign::CampaignSpec& SpecOf(const Tracked& t) const { return campaigns.at(t.run.campaign_id).campaign.spec; }
  CampaignEntry& EntryOf(const Run& run) { return campaigns.at(run.campaign_id); }
  // The known problems on the day on which the run started, so that all of its findings are judged alike.
  known::ListAt KnownTo(const Tracked& t) { return {&EntryOf(t.run).campaign.spec.known, t.run.started}; }
  // Null if the run is unknown, is done or awaits controls.
  Tracked* Find(const std::string& run_id);
  void Save(const Tracked& t) { dirty.try_emplace(t.run.id); }
  void Do(Action action) { actions.push_back(std::move(action)); }

  // ---- core_placement.cc
  struct Fit {
    const Host* host = nullptr;
    bool offered = true;    // some host offers everything that the profile needs, or there are no hosts
    bool possible = false;  // some host could take the run if the host were up and idle
    bool up = false;        // some such host is up
    std::string reason;     // why there is no such host, or why none is up
  };
  Fit FindHost(const Tracked& t) const;
  void PlaceQueued();
  void Place(Tracked& t, const Host& host);
  void Skip(Tracked& t, std::string reason);
  void MissNoHost(Tracked& t);
  void MissDeadline(Tracked& t);

  // ---- core_vm.cc: the VM, its console and events from the hypervisor
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
  void On(const ReportOver& event);
  void On(const ConsoleCanary& event);
  void On(const ConsoleBytes& event);
  void On(const ConsoleEnded& event);
  void Enter(Tracked& t, RunState state);
  void MarkFatal(Tracked& t);
  void FlushReport(Tracked& t);
  // Adds context to a witness's finding: run state, activity, times, and whether a pause casts doubt on it.
  void Complete(const Tracked& t, Finding& finding, Witness witness) const;
  // The reason to distrust what has just been reported to have taken too long, if the VM is or was paused; or empty.
  std::string WhyPauseExplains(const Tracked& t) const;
  void Seen(Tracked& t, Finding finding, Witness witness);
  void AddFinding(Tracked& t, Finding finding, Witness witness);
  // Announces an incomplete finding to watchers; it is not among the run's findings yet.
  void AnnounceOpen(Tracked& t, Finding finding);

  // ---- core_lost_time.cc: stalls that the host may have caused
  void On(const VcpuDelays& event);
  void ReadDelays(Tracked& t);
  absl::Duration Spacing(const Tracked& t) const;  // of the samples
  // Called whenever the guest shows that it runs.
  void SampleDelays(Tracked& t);
  Stall StallThatEnded(const Tracked& t, absl::Time at, absl::Duration length, detect::Kind kind) const;
  Stall StallOf(const Tracked& t, const Finding& finding, absl::Time reported) const;
  Stall SilenceSince(const Tracked& t, absl::Time since) const;
  // Whether the delays during the stall have been read, or cannot be.
  static bool IsKnown(const Tracked& t, const Stall& stall);
  // Why the host may have caused it, or empty.
  static std::string WhyDistrusted(const Tracked& t, const Stall& stall);
  // WhyDistrusted, or kUnweighed if the delays must be read first. WeighStalls then decides.
  std::string Weigh(Tracked& t, Stall stall);
  // If the report was read before lkd was restarted, sets the finding's distrust to what it was. Returns whether it
  // did.
  static bool RestoreTrust(const Tracked& t, Finding& finding);
  // Sets the finding's distrust.
  void WeighStall(Tracked& t, Finding& finding, absl::Time reported);
  // Decides whether the findings and counters for which the delays had to be read are trusted.
  void WeighStalls(Tracked& t);
  // Takes over a counter. If it has risen because an event took too long, sets its distrust as WeighStall does.
  void Count(Tracked& t, const std::string& name, campaign::CounterValue value);
  // A stall that is held against the kernel shortens the wait for progress.
  void NoteStall(Tracked& t, const Finding& finding);

  // ---- core_agent.cc: messages from agents
  void On(const AgentConnected& event);
  void On(const AgentDisconnected& event);
  void On(const AgentMisbehaved& event);
  void On(const AgentSaid& event);
  void On(const HostActionDone& event);
  // Returns false if this is a reboot that was not announced, in which case the run ends.
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

  // ---- core_post_mortem.cc: guests that do not respond
  void On(const PostMortemStepDone& event);
  // Decides the ending and begins the first step; the last step destroys the VM.
  void BeginPostMortem(Tracked& t, Ending ending);
  void BeginStep(Tracked& t, Stage step);
  std::string WhySkipped(const Tracked& t, Stage step) const;
  void RecordStep(Tracked& t, PostMortemStep step);
  // Records the result of the current step.
  void FinishStep(Tracked& t, PostMortemStep::Outcome outcome, std::string detail, const std::string& text = "");
  // Records the result of the current step and begins the next one.
  void EndStep(Tracked& t, PostMortemStep::Outcome outcome, std::string detail, const std::string& text = "");
  // These three do nothing if the run has had no post-mortem.
  void SkipSteps(Tracked& t, const std::string& why);
  void RecordDestroy(Tracked& t);
  void RecordGone(Tracked& t, VmGone::How gone, const std::string& how);
  void WeighRegisters(Tracked& t, const PostMortemStepDone& done);
  void AnswerNmi(Tracked& t, const Finding& finding);
  absl::Time StepDeadline(const Tracked& t) const;
  void EndDrain(Tracked& t);
  void EndUnanswered(Tracked& t);

  // ---- core_end.cc: how runs end
  // Decides the ending and stores it in the run, so that it survives a restart of lkd.
  void Decide(Tracked& t, Ending ending);
  // Decides the ending, then destroys the VM at `destroy_by` unless it is gone by then.
  void End(Tracked& t, Ending ending, absl::Time destroy_by);
  void End(Tracked& t, Ending::Kind kind, std::string detail = "") {
    End(t, Ending{kind, std::move(detail), {}, {}}, now);
  }
  // Ends a run that has no VM.
  void EndQueued(Tracked& t, Ending::Kind kind, std::string reason, bool retry);
  void Cancel(Tracked& t);
  void Destroy(Tracked& t);
  void BeginDrain(Tracked& t);
  void Finish(Tracked& t);
  void Judge(Tracked& t);
  bool MustAwait(const Tracked& t);
  void EndProof(Tracked& t);
  void Conclude(Tracked& t, bool retry);
  // Concludes the runs that no longer have to wait for their controls.
  void ConcludeProven();
  void TryAgain(Tracked& t);
  // Called by timers.
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

  campaign::GuestTimeouts Timeouts(const Tracked& t) const { return TimeoutsAt(t, Factor(t)); }
  campaign::GuestTimeouts TimeoutsAt(const Tracked& t, double factor) const {
    return campaign::TimeoutsFor(factor, SpecOf(t).detectors);
  }
  double Factor(const Tracked& t) const { return t.run.accelerator == "tcg" ? limits.emulation_factor : 1; }
  void Journal(Tracked& t, std::string_view text) const;

  const campaign::Descriptors descriptors;
  const Limits limits;
  const std::function<std::string(size_t)> random_hex;

  std::map<std::string, Host> hosts;
  std::map<std::string, std::pair<uint32_t, uint64_t>> allocated;  // by host: vCPUs, bytes
  std::map<std::string, CampaignEntry> campaigns;                  // unfinished
  std::map<std::string, Tracked, RunOrder> runs;                   // not done

  // The current call to Core::Step, and what it leaves for the next one.
  absl::Time now = absl::InfinitePast();
  bool restored = false;  // Step has not been called since Restore
  bool place = false;     // something changed that affects placement
  bool prove = false;     // controls are done, and runs that await them may be concluded
  std::map<std::string, std::vector<Finding>, RunOrder> dirty;  // runs to save, with new findings
  std::vector<Action> actions;                                  // performed after the saves
  absl::Time deadline = kNever;
};

// When the guest got its lease; requires WasLeased. Derived from the stored phase_seconds, and thus available after a
// restart of lkd.
absl::Time LeasedAt(const Run& run);
inline bool WasLeased(const Run& run) {
  return run.phase_seconds.contains("boot");
}

// Whether the guest has announced a reboot and its agent has not reconnected yet.
inline bool Rebooting(const Run& run) {
  return run.reboot_until != absl::InfinitePast();
}

// Whether the post-mortem has sent the guest an NMI, or may have. The NMI makes the guest panic.
bool NmiSent(const Run& run);

// Reduces a finished run to what counting, retries and controls need.
Run Outline(const Run& run);

}  // namespace lk::scheduler
