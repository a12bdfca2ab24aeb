// SPDX-License-Identifier: Apache-2.0
// The scheduler as a pure state machine: events and the time go in, actions come out. The driver does all I/O.
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

// ---- events: what has happened -------------------------------------------------------------------------------------

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
  std::string sha256 = {};  // for Provenance.image_sha256
};
struct VmStarted {
  std::string run_id;
  double define_seconds = 0;
};
struct StartFailed {  // image, definition or launch failed; nothing is left on the host
  std::string run_id;
  std::string reason;
  bool host_fault = false;
};
// After a restart of lkd: the VM of an active run was found and its console was reattached. Otherwise, VmGone is sent.
struct VmReattached {
  std::string run_id;
};
struct VmGone {  // the domain no longer runs, or its host was lost
  enum class How { kStopped, kCrashed, kDestroyed, kHostLost, kMissing };
  std::string run_id;
  How how = How::kStopped;
  std::string detail;
};
struct VmPanicked {  // reported by the panic device
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
// The source of a finding.
enum class Witness { kConsole, kAgent, kHypervisor };
std::string_view ToString(Witness witness);  // "console", as in Finding.witnesses

struct ReportSeen {  // a complete report, from the console or from the kernel log that the agent streams
  std::string run_id;
  Finding finding;
  Witness witness = Witness::kConsole;
};
struct ReportOver {  // the kernel has printed that the problem of a complete report on the console is over
  std::string run_id;
  uint64_t start_offset = 0;
};
struct ReportBegan {  // on the console; the finding contains what has been read so far
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
struct ConsoleEnded {  // the last byte has been read and examined
  std::string run_id;
};
struct AgentConnected {
  std::string run_id;
  uint64_t session = 0;  // a newer session replaces an older one
  std::string boot_id;
  std::string kernel_release;
  std::string hypervisor;
};
struct AgentDisconnected {
  std::string run_id;
  uint64_t session = 0;
};
// The agent violated a rule (api/agent_policy.h): it is disconnected, and its run ends.
struct AgentMisbehaved {
  std::string run_id;
  uint64_t session = 0;
  std::string what;
};
// Messages from agents. `sequence` orders them within a boot. If a message that is already stored arrives again, it is
// acknowledged again and dropped.
struct Heartbeat {
  uint64_t progress = 0;
  std::string activity;
  std::vector<absl::Duration> steal;  // of each CPU since boot
};
struct Samples {
  std::map<std::string, Histogram> latencies;              // since the last message
  std::map<std::string, campaign::CounterValue> counters;  // totals, which replace the previous ones
  std::map<std::string, campaign::Table> tables;           // each replaces the one with the same name
};
struct GuestFinding {
  Finding finding;
};
struct KmsgSeen {  // the result of reading more of the kernel log; see console/kernel_log.h
  std::vector<Finding> findings;
  std::optional<std::string> canary;  // its nonce
  uint64_t lost = 0;                  // records that were overwritten before they were read
};
struct HostActionAsked {
  uint64_t id = 0;
  enum class Kind { kAttachDimm, kDetachDimm, kResizeVirtioMem, kReplugDisk } kind = Kind::kAttachDimm;
  uint64_t bytes = 0;
  std::string alias;
  uint32_t disk = 0;  // number of the scratch disk
};
// "attach_dimm", as in descriptors.
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
  std::string error;  // empty on success
  std::string alias;
  absl::Duration took;
  bool refused_by_guest = false;
  bool guest_silent = false;  // it did not respond
};
// The driver has performed a step of the post-mortem.
struct PostMortemStepDone {
  std::string run_id;
  campaign::PostMortemStep step;
  // For kRegisters: QEMU responded, at least one vCPU is not halted, and all vCPUs that are not halted run with
  // interrupts off.
  bool interrupts_off = false;
};
struct VcpuDelays {  // the answer to ReadVcpuDelays
  std::string run_id;
  absl::Time at;                     // when they were read
  std::vector<absl::Duration> lost;  // see vm::Hypervisor::VcpuDelays; empty if unknown
};
struct Tick {};

using Event =
    std::variant<CampaignAdded, CampaignCancelled, HostChanged, HostRemoved, ImageReady, VmStarted, StartFailed,
                 VmReattached, VmGone, VmPanicked, VmPaused, VmResumed, VmWatchdogFired, ReportSeen, ReportBegan,
                 ReportOver, ConsoleCanary, ConsoleBytes, ConsoleEnded, AgentConnected, AgentDisconnected,
                 AgentMisbehaved, AgentSaid, HostActionDone, PostMortemStepDone, VcpuDelays, Tick>;

// ---- actions: what the driver must do ------------------------------------------------------------------------------

// SaveCampaign and SaveRun contain what the driver must store. All those that one call to Core::Step returns are stored
// in one transaction, before any other action that the call returns is performed.
struct SaveCampaign {
  Campaign campaign;
  bool announce = true;  // to watchers
};
struct SaveRun {
  Run run;
  bool announce = false;              // announce the new state to watchers
  std::vector<Finding> new_findings;  // each is announced to watchers
};
struct StartVm {  // builds the image (then ImageReady) and starts the VM (then VmStarted); on any error, StartFailed
  Run run;
};
struct DestroyVm {  // results in VmGone, even if there was no VM; in no event if the VM cannot be destroyed
  std::string run_id;
  std::string host_id;
};
// One step of the post-mortem of a guest that does not respond; results in PostMortemStepDone. A step may never return,
// so the core has a deadline for each, after which it begins the next one.
struct PerformPostMortem {
  std::string run_id;
  std::string host_id;
  campaign::PostMortemStep::Step step = campaign::PostMortemStep::Step::kRegisters;  // kRegisters, kNmi or kDump
};
struct ReadVcpuDelays {  // results in VcpuDelays
  std::string run_id;
  std::string host_id;
};
struct FlushConsole {  // closes the report being read, without waiting for more output
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
struct DropSession {  // it was replaced, its agent violated the protocol, or no agent of this run is expected
  std::string run_id;
  uint64_t session = 0;
};
struct PerformHostAction {
  std::string run_id;
  std::string host_id;
  HostActionAsked action;
  absl::Duration release;  // how long the guest may take to release a device
};
struct ExpectBoot {  // another "Linux version" line on the console is expected
  std::string run_id;
};
struct ReleaseRun {  // the run is over (IsOver): releases its console, session and temporary files
  std::string run_id;
};
using Action = std::variant<SaveCampaign, SaveRun, StartVm, DestroyVm, PerformPostMortem, ReadVcpuDelays, FlushConsole,
                            SendLease, SendAck, SendCancel, SendFinish, SendHostActionReply, DropSession,
                            PerformHostAction, ExpectBoot, ReleaseRun>;

// Placement: a run is allocated its profile's vCPUs and maximum memory (hotplug included) on a host that is up, offers
// what the profile needs (campaign/host_needs.h) and has enough vCPUs and memory left. At most maxParallel runs of a
// campaign are on hosts at the same time. A VM with more vCPUs than the host is placed only on an idle host; a VM with
// more memory than the host is never placed there. The least loaded host is chosen. Campaigns are served in the order
// of their ids, and so are the runs of a campaign. A run whose profile needs something that no host offers, up or not,
// ends as skip; a run that fits no host for another reason ends as miss. A host that has never been probed might offer
// anything, so runs wait for it.
//
// Positive controls (runs on a mutant, which should fail): a run that would pass is not done until all controls for its
// scenario and profile are done. While it waits, it uses no resources on its host and does not count towards
// maxParallel.
class Core {
 public:
  Core(campaign::Descriptors descriptors, Limits limits, std::function<std::string(size_t)> random_hex);

  // Returns the resulting actions in the order in which to perform them; Save* actions come first.
  std::vector<Action> Step(const Event& event, absl::Time now);
  // The latest time at which to call Step(Tick{}); InfiniteFuture if there is no deadline.
  absl::Time NextDeadline() const;

  // Restores the state after a restart from the contents of the store. Runs that were on a host wait for VmReattached
  // or VmGone; the driver must send one of these events for each such run. Must be called before the first Step.
  void Restore(std::vector<Campaign> campaigns, std::vector<Run> runs, std::vector<Host> hosts);

  // vCPUs and bytes that are allocated on each host; nothing is allocated on hosts that are not listed.
  const std::map<std::string, std::pair<uint32_t, uint64_t>>& Allocated() const;
  // Null if the run is unknown, is done or awaits controls.
  const Run* Find(const std::string& run_id) const;

  ~Core();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lk::scheduler
