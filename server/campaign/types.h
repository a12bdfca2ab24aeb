// SPDX-License-Identifier: Apache-2.0
// The domain: what a campaign, a run and their parts are. Plain values, no I/O.
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/detect/finding.h"
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
  kAwaitingControls,  // its VM is gone and it would pass, but controls that are open may show that this proves nothing
  kDone,
};
enum class CampaignState { kQueued, kRunning, kFinished, kCancelled };
enum class Arch { kX86_64, kAarch64 };

// The words of the contract: "pass", "infrastructure" (kNone: ""), "preparing", "x86_64" ...
std::string_view ToString(Verdict verdict);
std::string_view ToString(Blame blame);
// A run that awaits its controls is "finishing" to all outside.
std::string_view ToString(RunState state);
// Its VM is gone, and nothing of it is waited for.
constexpr bool IsOver(RunState state) {
  return state == RunState::kAwaitingControls || state == RunState::kDone;
}
std::string_view ToString(CampaignState state);
std::string_view ToString(Arch arch);
// Error: INVALID_ARGUMENT naming the words there are.
StatusOr<Verdict> ParseVerdict(std::string_view text);
StatusOr<Blame> ParseBlame(std::string_view text);
StatusOr<RunState> ParseRunState(std::string_view text);
StatusOr<CampaignState> ParseCampaignState(std::string_view text);
StatusOr<Arch> ParseArch(std::string_view text);

// ---- what a VM is like ----------------------------------------------------------------------------------------

struct MemoryHotplug {
  enum class Model { kDimm, kVirtioMem };
  Model model = Model::kDimm;
  uint32_t slots = 0;
  // Greatest memory of the VM, base memory included.
  uint64_t max_bytes = 0;

  bool operator==(const MemoryHotplug&) const = default;
};

struct Iommu {
  enum class Model { kIntel, kSmmuv3, kVirtio };
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

  // Bytes, hotplug included.
  uint64_t MostMemory() const {
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

// ---- the campaign file, checked --------------------------------------------------------------------------------

// One entry of spec.kernels: exactly one of the three ways to name builds.
struct KernelSelector {
  std::string exact;  // id or release
  std::string match;  // shell pattern over releases
  std::string label_key, label_value;
  uint32_t newest = 0;  // with match or label: only the newest so many; 0: all
  uint32_t line = 0, column = 0;

  bool operator==(const KernelSelector&) const = default;
};

struct ScenarioUse {
  std::string name;
  absl::Duration duration;
  // As the lease passes them: integers decimal, sizes in bytes, durations in ns, booleans true/false. All of the
  // descriptor's parameters, defaults filled in.
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> budgets;  // defaults of the descriptor merged in
  std::vector<std::string> profiles;           // empty: all

  bool operator==(const ScenarioUse&) const = default;
};

enum class PositiveControls { kAuto, kRequire, kOff };

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
  bool hang_nmi = true;
  bool hang_dump = false;
  uint32_t max_parallel = 8;
  absl::Duration deadline = absl::Hours(2);
  std::optional<uint32_t> seed;  // of every run's trigger; nothing: each run has one of its own
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
  std::string config_sha256;                  // empty: configuration not known
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
  std::string kernel_release;  // uname -r; empty: not known, as of any host but this machine
  bool broken_qemu = false;
  bool allow_broken_qemu = false;
  std::vector<std::string> features;
  std::vector<std::string> archs;  // the host's own first: `accelerator` is for that one, others are emulated
  absl::Time added;

  bool operator==(const Host&) const = default;
};
std::string_view ToString(Host::State state);
StatusOr<Host::State> ParseHostState(std::string_view text);

// The commit that a build was made from, in hexadecimal digits: its label "commit", or what setlocalversion put into
// its release ("-g" and at least 7 digits). Empty: not known.
std::string CommitOf(const KernelBuild& kernel);

// ---- runs ----------------------------------------------------------------------------------------------------------

struct CounterValue {
  double value = 0;
  std::string unit;

  bool operator==(const CounterValue&) const = default;
};

// See lk.v1.Table; its name is the key that it is kept by.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  bool operator==(const Table&) const = default;
};

// What was done about a guest that hung; see lk.v1.PostMortemStep.
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

// How a run ended, beside what the Run itself holds.
struct Ending {
  enum class Kind {
    kDone,          // the agent said done
    kNeverStarted,  // libvirt, host, image or launch failed: miss
    kVmLost,        // the domain stopped by itself, from outside, or its host went away
    kAgentLost,     // the agent's stream ended and did not come back, the VM still ran
    kBootTimeout,   // no agent within the boot limit
    kRunTimeout,    // over the hard cap
    kVmSilent,      // the hypervisor itself does not answer for the VM: nothing is known of the kernel
    kHang,          // progress and heartbeat stood still
    kStuck,         // progress stood still while heartbeats went on
    kFatalFinding,  // panic and the like
    kCancelled,
    kMisbehaved,  // the agent broke the rules of its protocol
  };
  Kind kind = Kind::kVmLost;
  std::string detail;
  // With kDone: what the agent said ("ok", "skip", "error") and why.
  std::string agent_outcome;
  std::string agent_reason;

  bool operator==(const Ending&) const = default;
};

// What is known of a run's kernel before it begins.
struct KernelOrigin {
  std::string config_sha256;  // of the kernel's configuration
  std::string kernel_source;  // what the build was made from, as KernelBuild.source has it
  std::string kernel_commit;  // of the kernel's source: CommitOf(kernel)

  bool operator==(const KernelOrigin&) const = default;
};

// What it booted from, and on what.
struct Surroundings {
  std::string image_sha256;  // of kernel image and initramfs, one after the other, without the run's own secrets
  std::string host_uri;
  std::string host_kernel;  // uname -r of the host
  std::string hypervisor;   // "QEMU 10.0.2"
  std::string libvirt;      // "11.3.0"

  bool operator==(const Surroundings&) const = default;
};

// What a run's result comes from, beside the run's own kernel_id, cmdline, accelerator and seed: filled in as it
// becomes known, and kept though the kernel or the host be removed. Empty: not known.
struct Provenance : KernelOrigin, Surroundings {
  bool operator==(const Provenance&) const = default;
};

// Of a run; a guest may tell more, which is dropped.
inline constexpr size_t kMostTables = 8;

// What is asked of a run. A further attempt is asked the same, but for its id and its number.
struct Asked {
  std::string id;  // "<campaign>-<number>", further attempts ".2", ".3"
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
  uint32_t seed = 0;

  bool operator==(const Asked&) const = default;
};

// Where and when it ran, and what happened meanwhile.
struct Course {
  std::string host_id;
  std::string accelerator;
  std::string cmdline;
  Provenance provenance;
  absl::Time created;
  absl::Time started = absl::InfinitePast();    // VM start; InfinitePast: never
  absl::Time finished = absl::InfinitePast();   // InfinitePast: not yet
  std::map<std::string, double> phase_seconds;  // image, define, boot, run, drain, destroy
  std::vector<std::string> journal;             // at most 200 lines

  bool operator==(const Course&) const = default;
};

// What was seen of the guest, by which it is judged.
struct Evidence {
  std::vector<Finding> findings;
  std::map<std::string, Histogram> latencies;  // by probe
  std::map<std::string, CounterValue> counters;
  std::map<std::string, Table> tables;  // at most kMostTables
  bool emulated = false;
  bool canary_console = false;
  bool canary_kmsg = false;
  uint64_t operations = 0;
  uint64_t console_bytes = 0;
  std::vector<std::string> skipped_parts;
  std::vector<PostMortemStep> post_mortem;  // in the order in which they were done
  double paused_seconds = 0;
  double steal_seconds = 0;

  bool operator==(const Evidence&) const = default;
};

// What has become of it.
struct Outcome {
  RunState state = RunState::kQueued;
  Verdict verdict = Verdict::kError;  // failure until evidence says otherwise
  std::string reason = "not finished";
  Blame blame = Blame::kInfrastructure;
  std::optional<Ending> ending;  // decided, though its VM may still be there and the verdict not given
  bool superseded = false;       // a later attempt took its place

  bool operator==(const Outcome&) const = default;
};

// Of the agent: survives a restart of lkd.
struct Session {
  std::string token;  // 64 hex digits
  std::string canary_nonce;
  std::string boot_id;
  uint64_t agent_sequence = 0;                     // last message stored, of boot_id
  absl::Time reboot_until = absl::InfinitePast();  // the boot that was announced is back by then; InfinitePast: none is
  uint32_t announced_boots = 0;                    // in all: the console's record has that many that are no finding

  bool operator==(const Session&) const = default;
};

struct Run : Asked, Course, Evidence, Outcome, Session {
  bool operator==(const Run&) const = default;
};

// "done", "VM lost" ...
std::string_view ToString(Ending::Kind kind);
StatusOr<Ending::Kind> ParseEnding(std::string_view text);

struct Counts {
  uint32_t total = 0, pass = 0, fail = 0, error = 0, miss = 0, skip = 0, unproven = 0, pending = 0;
  uint32_t superseded = 0, controls = 0;  // in none of the others

  // So many runs that have become the same.
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
  CampaignSpec spec;                   // what both say, checked
  uint32_t seed = 0;

  bool operator==(const Campaign&) const = default;
};

Counts Count(const std::vector<Run>& runs);
// The worst verdict that counts: fail, error, miss, unproven, pass, skip. No runs: error.
Verdict Overall(const Counts& counts);

}  // namespace lk::campaign
