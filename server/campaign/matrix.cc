// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/kernel_selection.h"
#include "server/campaign/mutation.h"
#include "support/quantity.h"

namespace lk::campaign {
namespace {

constexpr size_t kTokenBytes = 32;
constexpr size_t kNonceBytes = 8;

// The names that can appear in a descriptor's requirements.vm.
struct VmFeature {
  std::string_view name;
  bool (*present)(const Profile&);
};
constexpr std::array<VmFeature, 5> kVmFeatures = {{
    {"memory_hotplug", [](const Profile& profile) { return profile.memory_hotplug.has_value(); }},
    {"iommu", [](const Profile& profile) { return profile.iommu.has_value(); }},
    {"intel_iommu",
     [](const Profile& profile) { return profile.iommu && profile.iommu->model == Iommu::Model::kIntel; }},
    {"uefi", [](const Profile& profile) { return profile.uefi; }},
    {"confidential", [](const Profile& profile) { return profile.confidential.type != Confidential::Type::kNone; }},
}};

// Prints kernel messages up to KERN_INFO on the console; exempts /dev/kmsg from the rate limit, which could otherwise
// drop the canary; initialises the random pool immediately, since the agent's TLS waits for it; and keeps the guest
// from rebooting after a panic, so that lkd can destroy it. See Documentation/admin-guide/kernel-parameters.txt.
constexpr std::string_view kBaseCmdline = "loglevel=7 printk.devkmsg=on random.trust_cpu=on panic=0";

// Arguments that depend on the architecture. no_timer_check: on a busy host, the first ticks of an emulated timer may
// arrive too late for the kernel's check at boot, and the kernel then panics; under KVM it skips this check anyway
// (arch/x86/kernel/kvm.c).
std::string_view ArchCmdline(Arch arch) {
  return arch == Arch::kX86_64 ? "console=ttyS0 no_timer_check" : "console=ttyAMA0";
}

// Mixes the campaign's seed with a cell's number (SplitMix64, https://prng.di.unimi.it/splitmix64.c).
uint32_t Seed(uint32_t seed, uint32_t cell) {
  uint64_t z = (uint64_t{seed} << 32 | cell) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<uint32_t>((z ^ (z >> 31)) >> 32);
}

bool Uses(const ScenarioUse& use, const Profile& profile) {
  return use.profiles.empty() || std::ranges::find(use.profiles, profile.name) != use.profiles.end();
}

const v1::ScenarioDescriptor* Find(const Descriptors& descriptors, const std::string& name) {
  const auto it = std::ranges::find_if(descriptors, [&](const auto& descriptor) { return descriptor.name() == name; });
  return it == descriptors.end() ? nullptr : &*it;
}

// If the kernel is a mutant that serves as a positive control, the scenario that it runs; otherwise empty.
std::string ControlOf(const CampaignSpec& spec, const KernelBuild& kernel) {
  return spec.positive_controls == PositiveControls::kOff ? "" : MutantOf(kernel);
}

// The build that a mutant was made from, among `kernels`, by its label "mutant-of"; nullptr if it is not there.
const KernelBuild* UnmutatedOf(const KernelBuild& mutant, const std::vector<KernelBuild>& kernels) {
  const std::string build = mutant.Label("mutant-of");
  const auto it = std::ranges::find_if(kernels, [&](const KernelBuild& kernel) {
    return !build.empty() && kernel.Label("build") == build && kernel.arch == mutant.arch;
  });
  return it == kernels.end() ? nullptr : &*it;
}

// Marks the runs of controls' unmutated kernels in the same cells.
void MarkSiblings(std::vector<Run>& runs) {
  std::set<Cell> siblings;
  for (const Run& run : runs) {
    if (run.control) siblings.emplace(run.unmutated, run.profile, run.scenario);
  }
  for (Run& run : runs) {
    run.sibling = !run.control && siblings.contains(CellOf(run));
  }
}

void GiveSecrets(Session& run, const std::function<std::string(size_t)>& random_hex) {
  run.token = random_hex(kTokenBytes);
  run.canary_nonce = random_hex(kNonceBytes);
}

}  // namespace

std::vector<Run> Expand(const Campaign& campaign, const std::vector<KernelBuild>& kernels,
                        const Descriptors& descriptors, absl::Time now,
                        const std::function<std::string(size_t)>& random_hex) {
  std::vector<Run> runs;
  const auto add = [&](const KernelBuild& kernel, const Profile& profile, const ScenarioUse& use, uint32_t repeat) {
    const v1::ScenarioDescriptor* descriptor = Find(descriptors, use.name);
    if (descriptor == nullptr) return;  // cannot happen if the spec is valid
    Run run;
    run.cell = static_cast<uint32_t>(runs.size() + 1);
    run.id = fmt::format("{}-{:03}", campaign.id, run.cell);
    run.campaign_id = campaign.id;
    run.kernel_id = kernel.id;
    run.kernel_release = kernel.release;
    run.arch = kernel.arch;
    run.profile = profile.name;
    run.scenario = use.name;
    run.repeat = repeat;
    run.control = !ControlOf(campaign.spec, kernel).empty();
    if (run.control) {
      run.mutation = kernel.Label("mutation");
      if (const KernelBuild* unmutated = UnmutatedOf(kernel, kernels)) run.unmutated = unmutated->id;
    }
    run.created = now;
    run.seed = campaign.spec.seed.value_or(Seed(campaign.seed, run.cell));
    static_cast<KernelOrigin&>(run.provenance) = {kernel.config_sha256, kernel.source, CommitOf(kernel)};
    GiveSecrets(run, random_hex);
    std::string why = WhyUnbootable(kernel);
    const bool unbootable = !why.empty();
    if (!unbootable) why = WhyNot(*descriptor, kernel, profile);
    if (!why.empty()) {
      run.state = RunState::kDone;
      run.verdict = unbootable ? Verdict::kMiss : Verdict::kSkip;
      run.blame = unbootable ? Blame::kInfrastructure : Blame::kNone;
      run.reason = std::move(why);
      run.finished = now;
    }
    runs.push_back(std::move(run));
  };
  const auto add_all = [&](const KernelBuild& kernel, uint32_t repeat) {
    const std::string only = ControlOf(campaign.spec, kernel);
    for (const Profile& profile : campaign.spec.profiles) {
      if (profile.arch != kernel.arch) continue;
      for (const ScenarioUse& use : campaign.spec.scenarios) {
        if (Uses(use, profile) && (only.empty() || only == use.name)) add(kernel, profile, use, repeat);
      }
    }
  };
  for (uint32_t repeat = 1; repeat <= campaign.spec.repeats; ++repeat) {
    for (const bool controls : {true, false}) {
      for (const KernelBuild& kernel : kernels) {
        if (ControlOf(campaign.spec, kernel).empty() != controls) add_all(kernel, repeat);
      }
    }
  }
  MarkSiblings(runs);
  return runs;
}

std::vector<std::string> NotesOn(const CampaignSpec& spec, const std::vector<KernelBuild>& kernels,
                                 const std::vector<Run>& runs) {
  std::vector<std::string> reasons;
  for (const KernelBuild& kernel : kernels) {
    const auto run = std::ranges::find(runs, kernel.id, &Run::kernel_id);
    if (run != runs.end() && run->control && run->unmutated.empty()) {
      const std::string build = kernel.Label("mutant-of");
      reasons.push_back(fmt::format(
          "the mutant {} will prove nothing: {}", kernel.release,
          build.empty()
              ? "it has no label mutant-of, which names the same kernel without the mutation"
              : fmt::format("the same kernel without the mutation (label build={}) is not in the campaign", build)));
    }
    if (run != runs.end()) continue;
    const std::string only = ControlOf(spec, kernel);
    reasons.push_back(
        fmt::format("{} has no runs: {} on {}", kernel.release,
                    only.empty() ? "the campaign runs no scenario"
                                 : fmt::format("it is a mutant of {}, a scenario that the campaign does not run", only),
                    ToString(kernel.arch)));
  }
  return reasons;
}

Run NextAttempt(const Run& run, absl::Time now, const std::function<std::string(size_t)>& random_hex) {
  Run next;
  static_cast<Asked&>(next) = run;
  static_cast<KernelOrigin&>(next.provenance) = run.provenance;
  next.attempt = run.attempt + 1;
  next.id = fmt::format("{}.{}", run.id.substr(0, run.id.find('.')), next.attempt);
  next.created = now;
  GiveSecrets(next, random_hex);
  return next;
}

std::string WhyNot(const v1::ScenarioDescriptor& descriptor, const KernelBuild& kernel, const Profile& profile) {
  const auto& needs = descriptor.requirements();
  if (!needs.arch().empty() && std::ranges::find(needs.arch(), ToString(kernel.arch)) == needs.arch().end()) {
    return fmt::format("needs architecture {}, but the kernel is for {}", fmt::join(needs.arch(), " or "),
                       ToString(kernel.arch));
  }
  if (!needs.min_release().empty() && ReleaseLess(kernel.release, needs.min_release())) {
    return fmt::format("needs kernel {} or later, but this is {}", needs.min_release(), kernel.release);
  }
  if (!kernel.config_sha256.empty()) {
    for (const std::string& symbol : needs.config()) {
      if (!kernel.HasConfig(symbol)) return fmt::format("needs CONFIG_{}, which {} lacks", symbol, kernel.release);
    }
  }
  for (const std::string& name : needs.vm()) {
    const auto* feature = std::ranges::find(kVmFeatures, name, &VmFeature::name);
    if (feature == kVmFeatures.end() || !feature->present(profile)) {
      return fmt::format("needs a VM with {}, which profile {} lacks", name, profile.name);
    }
  }
  if (profile.vcpus < needs.min_vcpus()) {
    return fmt::format("needs {} vCPUs, but profile {} has {}", needs.min_vcpus(), profile.name, profile.vcpus);
  }
  if (profile.memory_bytes < needs.min_memory_bytes()) {
    return fmt::format("needs {} of memory, but profile {} has {}", FormatBytes(needs.min_memory_bytes()), profile.name,
                       FormatBytes(profile.memory_bytes));
  }
  return {};
}

std::string WhyUnbootable(const KernelBuild& kernel) {
  if (kernel.config.empty() || kernel.HasConfig("BLK_DEV_INITRD")) return {};
  return fmt::format("{} lacks CONFIG_BLK_DEV_INITRD, so it cannot boot lk-agent's initramfs", kernel.release);
}

std::string CommandLine(const v1::ScenarioDescriptor& descriptor, const Profile& profile,
                        const GuestTimeouts& timeouts) {
  std::string line =
      fmt::format("{} {} {}", ArchCmdline(profile.arch), kBaseCmdline, DetectorCmdline(profile.arch, timeouts));
  for (const std::string& argument : descriptor.cmdline()) line += " " + argument;
  if (!profile.cmdline.empty()) line += " " + profile.cmdline;
  return line;
}

}  // namespace lk::campaign
