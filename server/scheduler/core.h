// SPDX-License-Identifier: Apache-2.0
// The scheduler as a pure state machine: events and time in, actions out. All I/O is the driver's.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"
#include "server/scheduler/limits.h"

namespace lk::scheduler {

using campaign::Campaign;
using campaign::Finding;
using campaign::Host;
using campaign::Run;

// ---- events: what happened -------------------------------------------------------------------------------------

struct CampaignAdded {
  Campaign campaign;
  std::vector<Run> runs;
};
struct CampaignCancelled {
  std::string campaign_id;
};
struct HostChanged {  // added, probed, drained, resumed, lost, back
  Host host;
};
struct HostRemoved {
  std::string host_id;
};
// Preparation of a run's VM.
struct ImageReady {
  std::string run_id;
  double seconds = 0;
  std::string sha256 = {};  // of Provenance.image_sha256
};
struct VmStarted {
  std::string run_id;
  double define_seconds = 0;
};
struct StartFailed {  // image, definition or launch; nothing is left on the host
  std::string run_id;
  std::string reason;
  bool host_fault = false;
};
// After a restart of lkd: the VM of a run that was under way is there and its console attached again, or is gone.
struct VmReattached {
  std::string run_id;
};
struct VmGone {  // the domain has ended, however
  enum class How { kStopped, kCrashed, kDestroyed, kHostLost, kMissing };
  std::string run_id;
  How how = How::kStopped;
  std::string detail;
};
struct VmPanicked {  // panic device
  std::string run_id;
};
struct VmPaused {
  std::string run_id;
  bool by_itself = false;
  std::string detail;
};
struct VmResumed {
  std::string run_id;
};
struct VmWatchdogFired {
  std::string run_id;
  std::string action;
};
// Who saw what a finding tells of.
enum class Witness { kConsole, kAgent, kHypervisor };
std::string_view ToString(Witness witness);  // "console", as Finding.witnesses has it

struct ReportSeen {  // a whole report: on the console, or in the kernel log as the agent streams it
  std::string run_id;
  Finding finding;
  Witness witness = Witness::kConsole;
};
struct ReportBegan {  // on the console; the finding is open
  std::string run_id;
  Finding finding;
};
struct ConsoleCanary {
  std::string run_id;
  std::string nonce;
};
struct ConsoleBytes {
  std::string run_id;
  uint64_t bytes = 0;
};
struct ConsoleEnded {  // the last byte has been seen and judged
  std::string run_id;
};
struct AgentConnected {
  std::string run_id;
  uint64_t session = 0;  // a newer session replaces an older
  std::string boot_id;
  std::string kernel_release;
  std::string hypervisor;
};
struct AgentDisconnected {
  std::string run_id;
  uint64_t session = 0;
};
// The agent broke a rule (api/agent_policy.h): it is heard no more, and its run ends.
struct AgentMisbehaved {
  std::string run_id;
  uint64_t session = 0;
  std::string what;
};
// What agents say. `sequence` orders them within a boot; one that was stored already is dropped, and acknowledged
// again.
struct Heartbeat {
  uint64_t progress = 0;
  std::string activity;
  absl::Duration steal;  // of all CPUs since boot
};
struct Samples {
  std::map<std::string, Histogram> latencies;              // to be merged
  std::map<std::string, campaign::CounterValue> counters;  // totals
  std::map<std::string, campaign::Table> tables;           // each replaces the one of its name
};
struct GuestFinding {
  Finding finding;
};
struct KmsgSeen {  // what a piece of the kernel log completes, see console/kernel_log.h
  std::vector<Finding> findings;
  std::optional<std::string> canary;  // its nonce
  uint64_t lost = 0;                  // records that were overwritten before they were read
};
struct HostActionAsked {
  uint64_t id = 0;
  enum class Kind { kAttachDimm, kDetachDimm, kResizeVirtioMem } kind = Kind::kAttachDimm;
  uint64_t bytes = 0;
  std::string alias;
};
// "attach_dimm", as descriptors have it.
std::string_view ToString(HostActionAsked::Kind kind);
struct RebootAnnounced {
  std::string reason;
  absl::Duration within;
};
struct AgentDone {
  std::string outcome, reason;
  uint64_t operations = 0;
  std::vector<std::string> skipped_parts;
  bool emulated = false;
};
struct CanaryWritten {};
struct AgentSaid {
  std::string run_id;
  uint64_t session = 0;
  uint64_t sequence = 0;
  std::variant<Heartbeat, Samples, GuestFinding, KmsgSeen, HostActionAsked, RebootAnnounced, AgentDone, CanaryWritten>
      what;
};
struct HostActionDone {
  std::string run_id;
  uint64_t id = 0;
  std::string error;  // empty: done
  std::string alias;
  absl::Duration took;
};
// A step of the post-mortem that the driver performed.
struct PostMortemStepDone {
  std::string run_id;
  campaign::PostMortemStep step;
  // kRegisters: QEMU answered, and all vCPUs that are not halted run with interrupts off; said in the verdict's reason.
  bool interrupts_off = false;
};
struct Tick {};

using Event = std::variant<CampaignAdded, CampaignCancelled, HostChanged, HostRemoved, ImageReady, VmStarted,
                           StartFailed, VmReattached, VmGone, VmPanicked, VmPaused, VmResumed, VmWatchdogFired,
                           ReportSeen, ReportBegan, ConsoleCanary, ConsoleBytes, ConsoleEnded, AgentConnected,
                           AgentDisconnected, AgentMisbehaved, AgentSaid, HostActionDone, PostMortemStepDone, Tick>;

// ---- actions: what to do about it --------------------------------------------------------------------------------

// Changes to store, all of one step together, before any other action of the step is performed.
struct SaveCampaign {
  Campaign campaign;
  bool announce = true;  // watchers are told
};
struct SaveRun {
  Run run;
  bool announce = false;              // watchers are told of the new state
  std::vector<Finding> new_findings;  // watchers are told of each
};
struct StartVm {  // builds the image, starts the VM; answers ImageReady, then VmStarted, or StartFailed
  Run run;
};
struct DestroyVm {  // answers VmGone (also when there was none)
  std::string run_id;
  std::string host_id;
};
// One step about a guest that hung; answers PostMortemStepDone, unless the step never comes back: the core has a
// deadline for each and goes on.
struct PerformPostMortem {
  std::string run_id;
  std::string host_id;
  campaign::PostMortemStep::Step step = campaign::PostMortemStep::Step::kRegisters;  // kRegisters, kNmi or kDump
};
struct FlushConsole {  // close the report being read: nothing came for a while
  std::string run_id;
};
struct SendLease {
  std::string run_id;
  uint64_t session = 0;
};
struct SendAck {
  std::string run_id;
  uint64_t session = 0;
  uint64_t sequence = 0;
};
struct SendCancel {
  std::string run_id;
  std::string reason;
};
struct SendFinish {
  std::string run_id;
};
struct SendHostActionReply {
  std::string run_id;
  HostActionDone reply;
};
struct DropSession {  // replaced, or the run is over
  std::string run_id;
  uint64_t session = 0;
};
struct PerformHostAction {
  std::string run_id;
  std::string host_id;
  HostActionAsked action;
};
struct ExpectBoot {  // a further "Linux version" line on the console is announced
  std::string run_id;
};
struct ReleaseRun {  // the run is done: forget its console, files and session
  std::string run_id;
};
using Action =
    std::variant<SaveCampaign, SaveRun, StartVm, DestroyVm, PerformPostMortem, FlushConsole, SendLease, SendAck,
                 SendCancel, SendFinish, SendHostActionReply, DropSession, PerformHostAction, ExpectBoot, ReleaseRun>;

// Placement: a run takes its profile's vCPUs and greatest memory (hotplug included) of a host that is up, offers what
// the profile needs (campaign/host_needs.h), is not over its capacity (a VM larger than an empty host is allowed to
// have it alone in vCPUs, never in memory), and keeps the campaign's maxParallel. Hosts are filled least-loaded first;
// campaigns are served in order of their ids, each run in order of its id. A run whose profile needs what no host
// offers, up or not, ends as skip; one that fits no host there is for another reason ends as miss. Of a host that was
// never looked at nothing is known: it is waited for.
//
// Positive controls: a run that would pass while a control of its scenario and profile is open is done only when that
// is; meanwhile it takes nothing of its host nor of maxParallel.
class Core {
 public:
  Core(campaign::Descriptors descriptors, Limits limits, std::function<std::string(size_t)> random_hex);

  // Everything that follows from the event, in the order to be done: Save* first.
  std::vector<Action> Step(const Event& event, absl::Time now);
  // When Step(Tick{}) is wanted at the latest; InfiniteFuture: not needed.
  absl::Time NextDeadline() const;

  // After a restart: what the store held. Runs that were under way wait for VmReattached or VmGone (kMissing); the
  // driver sends one of them for each, but for those that only await controls. To be called
  // before the first Step.
  void Restore(std::vector<Campaign> campaigns, std::vector<Run> runs, std::vector<Host> hosts);

  // What is allocated on each host now: vCPUs, bytes. Hosts that are not in it have nothing.
  const std::map<std::string, std::pair<uint32_t, uint64_t>>& Allocated() const;
  // A run that is not done nor awaits controls, or nullptr.
  const Run* Find(const std::string& run_id) const;

  ~Core();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lk::scheduler
