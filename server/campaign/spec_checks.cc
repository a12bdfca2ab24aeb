// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/spec_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/matrix.h"
#include "support/quantity.h"

namespace lk::campaign {
namespace {

using yaml::Unknown;

using Parameter = v1::ScenarioDescriptor::Parameter;

constexpr uint64_t kMiB = uint64_t{1} << 20;
// Size of a memory block, the unit of memory hotplug, in x86_64 and arm64 guests as small as these (kernel:
// arch/x86/mm/init_64.c, SECTION_SIZE_BITS in arch/arm64/include/asm/sparsemem.h).
constexpr uint64_t kMemoryBlock = 128 * kMiB;
// Block size of the virtio-mem devices that lkd creates.
constexpr uint64_t kVirtioMemBlock = 2 * kMiB;
constexpr uint32_t kMaxSlots = 255;
constexpr size_t kMaxParameterText = 4096;
// COMMAND_LINE_SIZE is 2048 on both architectures; the rest is left for the arguments of lk and of scenarios.
constexpr size_t kMaxCmdline = 1500;

bool X86(const Profile& profile) {
  return profile.arch == Arch::kX86_64;
}
// An IOMMU that is part of the chipset, which can remap interrupts and has a device IOTLB.
bool OfChipset(const Profile& p) {
  return IommuIs(p, Iommu::Model::kIntel) || IommuIs(p, Iommu::Model::kAmd);
}
bool IsConfidential(const Profile& profile) {
  return profile.confidential.type != Confidential::Type::kNone;
}
bool Dimm(const Profile& profile) {
  return HotplugIs(profile, MemoryHotplug::Model::kDimm);
}
bool VirtioMem(const Profile& profile) {
  return HotplugIs(profile, MemoryHotplug::Model::kVirtioMem);
}
bool Grows(const Profile& profile) {
  return profile.memory_hotplug->max_bytes > profile.memory_bytes;
}

// A combination that cannot work: the key at which it is reported, whether a profile has it, and the message.
struct Combination {
  std::string_view at;
  bool (*present)(const Profile&);
  std::string_view message;
};
constexpr Combination kImpossible[] = {
    {"machine", [](const Profile& p) { return X86(p) && p.machine != "q35"; }, "arch x86_64 requires machine q35"},
    {"machine", [](const Profile& p) { return !X86(p) && p.machine != "virt"; }, "arch aarch64 requires machine virt"},
    {"memory", [](const Profile& p) { return p.memory_bytes % kMiB != 0; }, "memory must be a multiple of 1MiB"},
    {"memory", [](const Profile& p) { return p.memory_bytes < 64 * kMiB; }, "memory must be at least 64MiB"},
    {"memory", [](const Profile& p) { return Dimm(p) && p.memory_bytes % kMemoryBlock != 0; },
     "memoryHotplug of model dimm requires memory to be a multiple of 128MiB, the size of the guest's memory blocks"},
    {"memoryHotplug.model", [](const Profile& p) { return Dimm(p) && !X86(p) && !p.uefi; },
     "on aarch64, dimm requires firmware: uefi, because the guest is notified through ACPI; virtio-mem also works with "
     "bios"},
    {"memoryHotplug.max", [](const Profile& p) { return p.memory_hotplug && !Grows(p); },
     "max must be greater than memory: max is the maximum memory of the VM, including base memory"},
    {"memoryHotplug.max", [](const Profile& p) { return Dimm(p) && p.memory_hotplug->max_bytes % kMemoryBlock != 0; },
     "max must be a multiple of 128MiB, the size of the guest's memory blocks"},
    {"memoryHotplug.max",
     [](const Profile& p) {
       return VirtioMem(p) && Grows(p) && (p.memory_hotplug->max_bytes - p.memory_bytes) % kVirtioMemBlock != 0;
     },
     "max minus memory must be a multiple of 2MiB, the block size of virtio-mem"},
    {"memoryHotplug.slots",
     [](const Profile& p) { return Dimm(p) && (p.memory_hotplug->slots == 0 || p.memory_hotplug->slots > kMaxSlots); },
     "model dimm requires slots (1 to 255)"},
    {"memoryHotplug.slots",
     [](const Profile& p) {
       return Dimm(p) && Grows(p) && p.memory_hotplug->slots <= kMaxSlots &&
              p.memory_hotplug->slots * kMemoryBlock > p.memory_hotplug->max_bytes - p.memory_bytes;
     },
     "too many slots: each requires 128MiB between memory and max"},
    {"memoryHotplug.slots", [](const Profile& p) { return VirtioMem(p) && p.memory_hotplug->slots != 0; },
     "virtio-mem has no slots; remove the key"},
    {"iommu.model", [](const Profile& p) { return IommuIs(p, Iommu::Model::kIntel) && !X86(p); },
     "intel requires arch x86_64; aarch64 has smmuv3 and virtio"},
    {"iommu.model", [](const Profile& p) { return IommuIs(p, Iommu::Model::kAmd) && !X86(p); },
     "amd requires arch x86_64; aarch64 has smmuv3 and virtio"},
    {"iommu.model", [](const Profile& p) { return IommuIs(p, Iommu::Model::kSmmuv3) && X86(p); },
     "smmuv3 requires arch aarch64; x86_64 has intel, amd and virtio"},
    {"iommu.intremap", [](const Profile& p) { return p.iommu && p.iommu->intremap && !OfChipset(p); },
     "intremap requires model intel or amd"},
    {"iommu.cachingMode",
     [](const Profile& p) { return p.iommu && p.iommu->caching_mode && p.iommu->model != Iommu::Model::kIntel; },
     "cachingMode requires model intel"},
    {"iommu.deviceIotlb", [](const Profile& p) { return p.iommu && p.iommu->device_iotlb && !OfChipset(p); },
     "deviceIotlb requires model intel or amd"},
    {"iommu.scalable",
     [](const Profile& p) { return p.iommu && p.iommu->scalable && p.iommu->model != Iommu::Model::kIntel; },
     "scalable requires model intel"},
    {"confidential.type", [](const Profile& p) { return IsConfidential(p) && !X86(p); },
     "sev, sev-snp and tdx require arch x86_64"},
    {"confidential.type", [](const Profile& p) { return IsConfidential(p) && X86(p) && !p.uefi; },
     "sev, sev-snp and tdx require firmware: uefi, which sets up encrypted memory"},
    {"watchdog.model", [](const Profile& p) { return p.watchdog && p.watchdog->model == "itco" && !X86(p); },
     "itco requires machine q35; aarch64 has i6300esb"},
    {"watchdog.action", [](const Profile& p) { return p.watchdog && p.watchdog->action == "inject-nmi" && !X86(p); },
     "inject-nmi requires arch x86_64"},
    {"cmdline", [](const Profile& p) { return p.cmdline.size() > kMaxCmdline; },
     "cmdline must be at most 1500 bytes: the kernel accepts 2048, and lk and the scenario add their own arguments"},
};

// The number of bytes that the last crashkernel=SIZE[@OFFSET] reserves. 0 if there is none, or if the size depends on
// the amount of memory (RANGE:SIZE,...) and therefore fits. Units are those of memparse() (kernel: lib/cmdline.c).
uint64_t CrashKernelBytes(std::string_view cmdline) {
  constexpr std::string_view kKey = "crashkernel=";
  const size_t at = cmdline.rfind(kKey);
  if (at == std::string_view::npos) return 0;
  const std::string_view value = cmdline.substr(at + kKey.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc()) return 0;
  const size_t digits = static_cast<size_t>(end - value.data());
  constexpr std::string_view kUnits = "KMGT";
  const size_t unit = digits < value.size()
                          ? kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(value[digits]))))
                          : kUnits.npos;
  const size_t after = unit == kUnits.npos ? digits : digits + 1;
  if (after < value.size() && value[after] != ' ' && value[after] != '@') return 0;
  return unit == kUnits.npos || number >> (63 - 10 * (unit + 1)) != 0 ? number : number << (10 * (unit + 1));
}

Status BadParameter(const Parameter& parameter, std::string_view value, std::string_view expected) {
  std::string bounds;
  if (!parameter.min().empty()) bounds += " from " + parameter.min();
  if (!parameter.max().empty()) bounds += " up to " + parameter.max();
  return absl::InvalidArgumentError(
      fmt::format("invalid {} \"{}\" (expected {}{})", parameter.name(), value, expected, bounds));
}

StatusOr<int64_t> ParseInteger(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return absl::InvalidArgumentError("not a whole number");
}
StatusOr<int64_t> ParseSize(std::string_view text) {
  LK_ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(text));
  return static_cast<int64_t>(bytes);
}
StatusOr<int64_t> ParseNanoseconds(std::string_view text) {
  LK_ASSIGN_OR_RETURN(const absl::Duration duration, ParseDuration(text));
  return absl::ToInt64Nanoseconds(duration);
}

// Parameters that are numbers, written with or without a unit.
StatusOr<std::string> CheckQuantity(const Parameter& parameter, std::string_view value, std::string_view what,
                                    StatusOr<int64_t> (*parse)(std::string_view)) {
  const StatusOr<int64_t> number = parse(value);
  if (!number.ok()) return BadParameter(parameter, value, what);
  for (const auto& [bound, below] : {std::pair(parameter.min(), true), std::pair(parameter.max(), false)}) {
    if (bound.empty()) continue;
    LK_ASSIGN_OR_RETURN(const int64_t limit, parse(bound));
    if (below ? *number < limit : *number > limit) return BadParameter(parameter, value, what);
  }
  return std::to_string(*number);
}

}  // namespace

StatusOr<std::string> CheckParameter(const Parameter& parameter, std::string_view value) {
  switch (parameter.type()) {
    case Parameter::TYPE_INTEGER:
      return CheckQuantity(parameter, value, "a whole number", ParseInteger);
    case Parameter::TYPE_SIZE:
      return CheckQuantity(parameter, value, "a size with a unit (512MiB)", ParseSize);
    case Parameter::TYPE_DURATION:
      return CheckQuantity(parameter, value, "a duration with a unit (20ms)", ParseNanoseconds);
    case Parameter::TYPE_BOOL:
      if (value == "true" || value == "false") return std::string(value);
      return BadParameter(parameter, value, "true or false");
    case Parameter::TYPE_CHOICE:
      if (std::ranges::find(parameter.choices(), value) != parameter.choices().end()) return std::string(value);
      return BadParameter(parameter, value, fmt::format("one of {}", fmt::join(parameter.choices(), ", ")));
    case Parameter::TYPE_TEXT:
      if (value.size() <= kMaxParameterText) return std::string(value);
      return BadParameter(parameter, value.substr(0, 20), fmt::format("at most {} bytes of text", kMaxParameterText));
    default:
      return absl::InvalidArgumentError(
          fmt::format("parameter \"{}\" has no type in the scenario's descriptor", parameter.name()));
  }
}

void CheckProfile(const Profile& profile, const std::string& path, Mistakes& mistakes) {
  for (const Combination& combination : kImpossible) {
    if (combination.present(profile)) {
      mistakes.Add(fmt::format("{}.{}", path, combination.at), std::string(combination.message));
    }
  }
}

void CheckUses(const CampaignSpec& spec, const Descriptors& descriptors, Mistakes& mistakes) {
  std::vector<std::string> names;
  for (const Profile& profile : spec.profiles) names.push_back(profile.name);
  for (size_t i = 0; i < spec.scenarios.size(); ++i) {
    const ScenarioUse& use = spec.scenarios[i];
    const std::string path = fmt::format("spec.scenarios[{}]", i);
    // A profile without a name has already been reported, and may be the one that was meant.
    const bool all_named = std::ranges::find(names, "") == names.end();
    for (size_t j = 0; all_named && j < use.profiles.size(); ++j) {
      if (std::ranges::find(names, use.profiles[j]) != names.end()) continue;
      mistakes.Add(fmt::format("{}.profiles[{}]", path, j),
                   Unknown("profile", use.profiles[j], names, " of this campaign"));
    }
    const auto descriptor = std::ranges::find_if(descriptors, [&](const auto& d) { return d.name() == use.name; });
    if (descriptor == descriptors.end()) continue;
    for (const Profile& profile : spec.profiles) {
      if (!use.profiles.empty() && std::ranges::find(use.profiles, profile.name) == use.profiles.end()) continue;
      const uint64_t reserved = CrashKernelBytes(CommandLine(*descriptor, profile, TimeoutsFor(1)));
      if (reserved < profile.memory_bytes) continue;
      mistakes.Add(path, fmt::format("the crash kernel reservation ({}) uses up all the memory of profile \"{}\" ({})",
                                     FormatBytes(reserved), profile.name, FormatBytes(profile.memory_bytes)));
    }
  }
}

}  // namespace lk::campaign
