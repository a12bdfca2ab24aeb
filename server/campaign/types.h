// SPDX-License-Identifier: Apache-2.0
// The domain model: campaigns, runs and their parts. Plain values, no I/O.
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "server/detect/finding.h"
#include "server/known/known.h"
#include "support/histogram.h"
#include "support/status.h"

namespace lk::campaign {

using detect::Finding;
using Labels = std::map<std::string, std::string>;

enum class Verdict { kPass, kFail, kError, kMiss, kSkip, kUnproven };
enum class Blame { kNone, kKernel, kTest, kInfrastructure };
enum class RunState {
  kQueued,
  kPreparing,
  kBooting,
  kRunning,
  kFinishing,
  kAwaitingControls,  // its VM is gone; it passes unless a control that is not done yet casts doubt on the pass
  kDone,
};
enum class CampaignState { kQueued, kRunning, kFinished, kCancelled };
enum class Arch { kX86_64, kAarch64 };

// The words used outside the domain model: "pass", "infrastructure" (kNone: ""), "preparing", "x86_64" ...
std::string_view ToString(Verdict verdict);
std::string_view ToString(Blame blame);
// Outside the domain model, a run that awaits its controls is "finishing".
std::string_view ToString(RunState state);
// Whether the VM is gone and nothing more is expected of the run.
constexpr bool IsOver(RunState state) {
  return state == RunState::kAwaitingControls || state == RunState::kDone;
}
std::string_view ToString(CampaignState state);
std::string_view ToString(Arch arch);
// Error: INVALID_ARGUMENT naming the valid words.
StatusOr<Verdict> ParseVerdict(std::string_view text);
StatusOr<Blame> ParseBlame(std::string_view text);
StatusOr<RunState> ParseRunState(std::string_view text);
StatusOr<CampaignState> ParseCampaignState(std::string_view text);
StatusOr<Arch> ParseArch(std::string_view text);

// ---- VM profiles ----------------------------------------------------------------------------------------------

struct MemoryHotplug {
  enum class Model { kDimm, kVirtioMem };
  Model model = Model::kDimm;
  uint32_t slots = 0;
  // Maximum memory of the VM, base memory included.
  uint64_t max_bytes = 0;

  bool operator==(const MemoryHotplug&) const = default;
};

struct Iommu {
  enum class Model { kIntel, kSmmuv3, kVirtio, kAmd };
  Model model = Model::kIntel;
  bool intremap = false;
  bool caching_mode = false;
  bool device_iotlb = false;
  // VT-d scalable mode.
  bool scalable = false;

  bool operator==(const Iommu&) const = default;
};

struct Confidential {
  enum class Type { kNone, kSev, kSevSnp, kTdx };
  Type type = Type::kNone;
  // Child elements of <launchSecurity>, by libvirt's names: policy, cbitpos, reducedPhysBits ...
  std::map<std::string, std::string> fields;

  bool operator==(const Confidential&) const = default;
};

struct Watchdog {
  std::string model;   // i6300esb, itco
  std::string action;  // none, reset, poweroff, pause, inject-nmi

  bool operator==(const Watchdog&) const = default;
};

struct Profile {
  std::string name;
  Arch arch = Arch::kX86_64;
  std::string machine;  // q35, virt
  uint32_t vcpus = 2;
  uint64_t memory_bytes = uint64_t{1} << 30;
  std::optional<MemoryHotplug> memory_hotplug;
  std::optional<Iommu> iommu;
  Confidential confidential;
  bool uefi = false;
  std::string cmdline;
  std::optional<Watchdog> watchdog;

  // In bytes, including hotplug.
  uint64_t MaxMemory() const {
    return memory_hotplug ? std::max(memory_hotplug->max_bytes, memory_bytes) : memory_bytes;
  }

  bool operator==(const Profile&) const = default;
};

inline bool IommuIs(const Profile& profile, Iommu::Model model) {
  return profile.iommu && profile.iommu->model == model;
}
inline bool HotplugIs(const Profile& profile, MemoryHotplug::Model model) {
  return profile.memory_hotplug && profile.memory_hotplug->model == model;
}

// ---- the validated campaign file -------------------------------------------------------------------------------

// One entry of spec.kernels, which selects builds in exactly one of three ways.
struct KernelSelector {
  std::string exact;  // id or release
  std::string match;  // shell pattern for releases
  std::string label_key, label_value;
  uint32_t newest = 0;  // with match or label: only this many of the newest builds, 0 = all
  uint32_t line = 0, column = 0;

  bool operator==(const KernelSelector&) const = default;
};

struct ScenarioUse {
  std::string name;
  absl::Duration duration;
  // In the form used in leases: integers in decimal, sizes in bytes, durations in ns, booleans as true/false. Contains
  // all of the descriptor's parameters; defaults are filled in.
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> budgets;  // including the descriptor's defaults
  std::vector<std::string> profiles;           // empty = all

  bool operator==(const ScenarioUse&) const = default;
};

enum class PositiveControls { kAuto, kRequire, kOff };

// When the guest's detectors fire (guest_timeouts.h).
enum class Detectors {
  kEarly,         // as soon as they are reliable
  kDistribution,  // after the kernel's default timeouts, which distributions use
};

// Whether a stall that the kernel itself reports as over fails a run.
struct TransientStalls {
  std::set<detect::Kind> ignored = {detect::Kind::kRcuStall};

  bool Ignore(const Finding& finding) const { return finding.transient && ignored.contains(finding.kind); }
  bool operator==(const TransientStalls&) const = default;
};

struct CampaignSpec {
  std::string name;
  Labels labels;
  std::vector<KernelSelector> kernels;
  std::vector<Profile> profiles;
  std::vector<ScenarioUse> scenarios;
  uint32_t repeats = 1;
  uint32_t retries_error = 1;  // for error and miss
  uint32_t retries_fail = 0;
  PositiveControls positive_controls = PositiveControls::kAuto;
  Detectors detectors = Detectors::kEarly;
  TransientStalls transient;
  known::List known;
  bool hang_nmi = true;
  bool hang_dump = false;
  uint32_t max_parallel = 8;
  absl::Duration deadline = absl::Hours(2);
  std::optional<uint32_t> seed;  // for the trigger of every run; if not set, each run has a different one
  std::vector<std::string> notify;

  bool operator==(const CampaignSpec&) const = default;
};

// ---- kernels and hosts -------------------------------------------------------------------------------------------

struct KernelBuild {
  std::string id;       // "k" + 12 hex digits of the content's SHA-256
  std::string release;  // uname -r
  Arch arch = Arch::kX86_64;
  std::string flavour;
  Labels labels;
  std::string config_sha256;                  // empty if the configuration is unknown
  std::map<std::string, std::string> config;  // symbol without CONFIG_ -> y, m, value
  bool has_modules = false;
  std::vector<std::string> guest_modules;  // in load order
  uint64_t image_bytes = 0;
  std::string banner;
  absl::Time added;
  std::string source;

  bool HasConfig(const std::string& symbol) const {
    const auto it = config.find(symbol);
    return it != config.end() && (it->second == "y" || it->second == "m");
  }
  // Empty if the build has no such label.
  std::string Label(const std::string& key) const {
    const auto it = labels.find(key);
    return it == labels.end() ? "" : it->second;
  }

  bool operator==(const KernelBuild&) const = default;
};

struct Host {
  enum class State { kUp, kDown, kDrained };
  std::string id;
  std::string uri;
  State state = State::kUp;
  std::string state_reason;
  uint32_t vcpus = 0;
  uint64_t memory_bytes = 0;
  std::string accelerator;  // kvm, tcg
  std::string accelerator_reason;
  std::string hypervisor_version;
  std::string libvirt_version;
  std::string kernel_release;  // uname -r; empty if unknown, as it is for every remote host
  bool broken_qemu = false;
  bool allow_broken_qemu = false;
  std::vector<std::string> features;
  std::vector<std::string> archs;  // the host's own first: `accelerator` applies only to it, the others are emulated
  absl::Time added;

  bool operator==(const Host&) const = default;
};
std::string_view ToString(Host::State state);
StatusOr<Host::State> ParseHostState(std::string_view text);

// The commit that a build was made from, in hexadecimal digits: from its label "commit", or from what setlocalversion
// added to its release ("-g" and at least 7 digits). Empty if unknown.
std::string CommitOf(const KernelBuild& kernel);

// ---- runs ----------------------------------------------------------------------------------------------------------

struct CounterValue {
  double value = 0;
  std::string unit;
  std::string first = {};  // the first event that it counted; empty for most counters
  // How long the latest of the events took, and may take; 0 if it does not count events that take too long.
  double took_seconds = 0, limit_seconds = 0;
  std::string distrust = {};  // why the host may have caused all of these events; usually empty

  bool operator==(const CounterValue&) const = default;
};

// See lk.v1.Table. The name of a table is its key in Evidence::tables.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  bool operator==(const Table&) const = default;
};

// One action taken on a guest that hung; see lk.v1.PostMortemStep.
struct PostMortemStep {
  enum class Step { kDrain, kRegisters, kNmi, kDump, kDestroy };
  enum class Outcome { kDone, kFailed, kSkipped };
  Step step = Step::kDrain;
  Outcome outcome = Outcome::kDone;
  std::string detail;
  std::string text;
  double seconds = 0;

  bool operator==(const PostMortemStep&) const = default;
};
std::string_view ToString(PostMortemStep::Step step);
std::string_view ToString(PostMortemStep::Outcome outcome);
StatusOr<PostMortemStep::Step> ParseStep(std::string_view text);
StatusOr<PostMortemStep::Outcome> ParseOutcome(std::string_view text);

// How a run ended.
struct Ending {
  enum class Kind {
    kDone,          // the agent reported that it was done
    kNeverStarted,  // libvirt, the host, the image or the launch failed: miss
    kVmLost,        // the VM stopped on its own or was stopped from outside, or its host was lost
    kAgentLost,     // the agent's stream ended and the agent did not reconnect, while the VM was still running
    kBootTimeout,   // the agent did not connect within the boot limit
    kRunTimeout,    // the hard cap was exceeded
    kVmSilent,      // the hypervisor does not respond: nothing is known about the kernel
    kStarved,       // neither progress nor heartbeats, but the host gave a vCPU too little CPU time
    kHang,          // neither progress nor heartbeats
    kStuck,         // no progress, although heartbeats continued
    kFatalFinding,  // a panic or similar
    kCancelled,
    kMisbehaved,  // the agent violated the protocol
  };
  Kind kind = Kind::kVmLost;
  std::string detail;
  // With kDone: the outcome that the agent reported ("ok", "skip", "error") and the reason.
  std::string agent_outcome;
  std::string agent_reason;

  bool operator==(const Ending&) const = default;
};

// Facts about a run's kernel that are known before the run begins.
struct KernelOrigin {
  std::string config_sha256;  // of the kernel's configuration
  std::string kernel_source;  // what the build was made from, as in KernelBuild.source
  std::string kernel_commit;  // the commit of its source: CommitOf(kernel)

  bool operator==(const KernelOrigin&) const = default;
};

// The image that the run booted, and the host it ran on.
struct Surroundings {
  std::string image_sha256;  // of the kernel image followed by the initramfs, without the run's own secrets
  std::string host_uri;
  std::string host_kernel;  // uname -r of the host
  std::string hypervisor;   // "QEMU 10.0.2"
  std::string libvirt;      // "11.3.0"

  bool operator==(const Surroundings&) const = default;
};

// Where a run's result comes from, in addition to the run's kernel_id, cmdline, accelerator and seed. Filled in as it
// becomes known, and kept even if the kernel or the host is removed. Empty if unknown.
struct Provenance : KernelOrigin, Surroundings {
  bool operator==(const Provenance&) const = default;
};

// Maximum number of tables of a run; any more from a guest are dropped.
inline constexpr size_t kMaxTables = 8;

// What a run is to do. A retry has the same values, except for id and attempt.
struct Asked {
  std::string id;  // "<campaign>-<number>", with ".2", ".3" ... appended for retries
  std::string campaign_id;
  std::string kernel_id;
  std::string kernel_release;
  Arch arch = Arch::kX86_64;
  std::string profile;
  std::string scenario;
  uint32_t cell = 0;     // position in the campaign's matrix, from 1; attempts share it
  uint32_t repeat = 1;   // from 1
  uint32_t attempt = 1;  // from 1
  bool control = false;  // a positive control: its kernel is a mutant of its scenario (see mutation.h)
  std::string mutation;  // for a control: the mutant's name (label "mutation"), if it has one
  // For a control: the id of the same kernel without the mutation, if the campaign runs it in the same cell.
  std::string unmutated;
  bool sibling = false;  // runs the unmutated kernel of a control, in the same cell
  uint32_t seed = 0;

  bool operator==(const Asked&) const = default;
};

// Where and when the run took place, and what happened during it.
struct Course {
  std::string host_id;
  std::string accelerator;
  std::string cmdline;
  Provenance provenance;
  absl::Time created;
  absl::Time started = absl::InfinitePast();    // VM start; InfinitePast if never
  absl::Time finished = absl::InfinitePast();   // InfinitePast if not yet
  std::map<std::string, double> phase_seconds;  // image, define, boot, run, drain, destroy
  std::vector<std::string> journal;             // at most 200 lines

  bool operator==(const Course&) const = default;
};

// Observations of the guest, on which the verdict is based.
struct Evidence {
  std::vector<Finding> findings;
  std::map<std::string, Histogram> latencies;  // by probe
  std::map<std::string, CounterValue> counters;
  std::map<std::string, Table> tables;  // at most kMaxTables
  bool emulated = false;
  bool harness = false;  // the kernel had an additional caller of the code under test, or an edited version of it
  bool canary_console = false;
  bool canary_kmsg = false;
  uint64_t operations = 0;
  uint64_t console_bytes = 0;
  std::vector<std::string> skipped_parts;
  std::vector<PostMortemStep> post_mortem;  // in the order in which the steps were taken
  double paused_seconds = 0;
  double steal_seconds = 0;
  double delay_seconds = 0;  // for which the vCPUs waited for a CPU of the host, in total

  bool operator==(const Evidence&) const = default;
};

// The result so far.
struct Outcome {
  RunState state = RunState::kQueued;
  Verdict verdict = Verdict::kError;  // not a pass until evidence says so
  std::string reason = "not finished";
  Blame blame = Blame::kInfrastructure;
  std::optional<Ending> ending;  // set once decided, when the VM may still exist and the verdict is still open
  bool superseded = false;       // replaced by a later attempt
  std::string symptom;           // for a failed control: the title of the finding that shows what its mutant breaks
  bool doubted = false;          // would have passed, but for its positive controls

  bool operator==(const Outcome&) const = default;
};

// The agent's session, which survives a restart of lkd.
struct Session {
  std::string token;  // 64 hex digits
  std::string canary_nonce;
  std::string boot_id;
  uint64_t agent_sequence = 0;                     // of the last message from boot_id that was stored
  absl::Time reboot_until = absl::InfinitePast();  // deadline for an announced boot; InfinitePast if there is none
  uint32_t announced_boots = 0;                    // in total: that many boots in the console log are not findings

  bool operator==(const Session&) const = default;
};

struct Run : Asked, Course, Evidence, Outcome, Session {
  bool operator==(const Run&) const = default;
};

// What the matrix has one or more runs of: kernel id, profile, scenario.
using Cell = std::tuple<std::string, std::string, std::string>;
Cell CellOf(const Asked& run);

// "done", "VM lost" ...
std::string_view ToString(Ending::Kind kind);
StatusOr<Ending::Kind> ParseEnding(std::string_view text);

struct Counts {
  uint32_t total = 0, pass = 0, fail = 0, error = 0, miss = 0, skip = 0, unproven = 0, pending = 0;
  uint32_t superseded = 0, controls = 0;  // not included in the others

  // Adds `runs` runs with this outcome.
  void Add(const Outcome& outcome, bool control, uint32_t runs = 1);
  bool operator==(const Counts&) const = default;
};

struct Campaign {
  std::string id;
  CampaignState state = CampaignState::kQueued;
  std::optional<Verdict> verdict;  // once finished
  absl::Time created;
  absl::Time finished;
  std::string spec_yaml;
  std::vector<std::string> overrides;  // --set path=value, applied to spec_yaml
  CampaignSpec spec;                   // parsed from both
  uint32_t seed = 0;

  bool operator==(const Campaign&) const = default;
};

Counts Count(const std::vector<Run>& runs);
// The worst verdict of the runs that are done: fail, error, miss, unproven, pass, skip. Error if there are none.
Verdict WorstVerdict(const Counts& counts);

}  // namespace lk::campaign
