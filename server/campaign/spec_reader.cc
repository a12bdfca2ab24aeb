// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/spec_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/predefined_profiles.h"
#include "server/campaign/spec_checks.h"
#include "server/campaign/verdict.h"
#include "support/proto_time.h"
#include "support/quantity.h"

namespace lk::campaign {
namespace {

using yaml::Store;
using yaml::Unknown;
using yaml::Vocabulary;

constexpr uint32_t kMaxNewest = 1000;
// Without extended interrupt mode, x86_64 cannot address more vCPUs (QEMU hw/i386/x86.c).
constexpr uint32_t kMaxVcpus = 255;

const Vocabulary<Confidential::Type> kConfidentialTypes = {{"none", Confidential::Type::kNone},
                                                           {"sev", Confidential::Type::kSev},
                                                           {"sev-snp", Confidential::Type::kSevSnp},
                                                           {"tdx", Confidential::Type::kTdx}};

// Child elements of <launchSecurity> that hold text: https://libvirt.org/formatdomain.html#launch-security
const std::map<Confidential::Type, std::vector<std::string>> kLaunchSettings = {
    {Confidential::Type::kNone, {}},
    {Confidential::Type::kSev, {"cbitpos", "dhCert", "kernelHashes", "policy", "reducedPhysBits", "session"}},
    {Confidential::Type::kSevSnp,
     {"authorKey", "cbitpos", "guestVisibleWorkarounds", "hostData", "idAuth", "idBlock", "kernelHashes", "policy",
      "reducedPhysBits", "vcek"}},
    {Confidential::Type::kTdx, {"mrConfigId", "mrOwner", "mrOwnerConfig", "policy"}},
};

MemoryHotplug ReadMemoryHotplug(const Item& item, Mistakes& mistakes) {
  MemoryHotplug hotplug;
  const Vocabulary<MemoryHotplug::Model> models = {{"dimm", MemoryHotplug::Model::kDimm},
                                                   {"virtio-mem", MemoryHotplug::Model::kVirtioMem}};
  ReadMap(item, mistakes,
          {{"model", [&](const Item& i) { Store(hotplug.model, ReadWord(i, mistakes, "memoryHotplug model", models)); },
            true},
           {"slots", [&](const Item& i) { Store(hotplug.slots, ReadNumber(i, mistakes, 1, 255)); }},
           {"max", [&](const Item& i) { Store(hotplug.max_bytes, ReadBytes(i, mistakes)); }, true}});
  return hotplug;
}

Iommu ReadIommu(const Item& item, Mistakes& mistakes) {
  Iommu iommu;
  const Vocabulary<Iommu::Model> models = {{"intel", Iommu::Model::kIntel},
                                           {"amd", Iommu::Model::kAmd},
                                           {"smmuv3", Iommu::Model::kSmmuv3},
                                           {"virtio", Iommu::Model::kVirtio}};
  ReadMap(item, mistakes,
          {{"model", [&](const Item& i) { Store(iommu.model, ReadWord(i, mistakes, "iommu model", models)); }, true},
           {"intremap", [&](const Item& i) { Store(iommu.intremap, ReadBool(i, mistakes)); }},
           {"cachingMode", [&](const Item& i) { Store(iommu.caching_mode, ReadBool(i, mistakes)); }},
           {"deviceIotlb", [&](const Item& i) { Store(iommu.device_iotlb, ReadBool(i, mistakes)); }},
           {"scalable", [&](const Item& i) { Store(iommu.scalable, ReadBool(i, mistakes)); }}});
  return iommu;
}

Confidential ReadConfidential(const Item& item, Mistakes& mistakes) {
  Confidential confidential;
  std::vector<std::pair<std::string, Item>> settings;
  bool typed = false;
  bool known = false;
  ReadAnyMap(item, mistakes, [&](const std::string& key, const Item& value) {
    if (key != "type") {
      settings.emplace_back(key, value);
      return;
    }
    typed = true;
    const auto type = ReadWord(value, mistakes, "confidential type", kConfidentialTypes);
    known = type.has_value();
    Store(confidential.type, type);
  });
  if (item.node.IsMap() && !typed) mistakes.Add(item.path, "\"type\" is missing");
  if (!known) return confidential;  // the valid settings depend on the type
  const std::vector<std::string>& valid = kLaunchSettings.at(confidential.type);
  for (const auto& [key, value] : settings) {
    if (std::ranges::find(valid, key) == valid.end()) {
      mistakes.Add(value.path, Unknown("setting", key, valid, " for this type"));
    } else {
      Store(confidential.fields[key], ReadText(value, mistakes));
    }
  }
  return confidential;
}

Watchdog ReadWatchdog(const Item& item, Mistakes& mistakes) {
  Watchdog watchdog{"i6300esb", "none"};
  const auto word = [&](std::string& target, std::string_view what, const std::vector<std::string_view>& words) {
    return [&mistakes, &target, what, words](const Item& i) {
      Vocabulary<std::string> vocabulary;
      for (const std::string_view w : words) vocabulary.emplace_back(w, std::string(w));
      Store(target, ReadWord(i, mistakes, what, vocabulary));
    };
  };
  ReadMap(item, mistakes,
          {{"model", word(watchdog.model, "watchdog model", {"i6300esb", "itco"}), true},
           {"action", word(watchdog.action, "watchdog action", {"none", "reset", "poweroff", "pause", "inject-nmi"})}});
  return watchdog;
}

const v1::ScenarioDescriptor::Parameter* FindParameter(const v1::ScenarioDescriptor& descriptor,
                                                       const std::string& name) {
  const auto it = std::ranges::find_if(descriptor.parameters(), [&](const auto& p) { return p.name() == name; });
  return it == descriptor.parameters().end() ? nullptr : &*it;
}

// Reads one scenario's entry, once its name is known.
class ScenarioReader {
 public:
  ScenarioReader(const v1::ScenarioDescriptor& descriptor, Mistakes& mistakes)
      : descriptor_(descriptor), mistakes_(mistakes) {
    use_.name = descriptor.name();
    use_.duration = ToDuration(descriptor.default_duration());
    use_.budgets = {descriptor.default_budgets().begin(), descriptor.default_budgets().end()};
  }

  void Duration(const Item& item) {
    const std::optional<absl::Duration> duration = ReadDuration(item, mistakes_);
    const absl::Duration cap = ToDuration(descriptor_.hard_cap());
    if (duration && cap > absl::ZeroDuration() && *duration > cap) {
      mistakes_.Add(item.path,
                    fmt::format("duration must not exceed {}, the maximum for {}", lk::FormatDuration(cap), use_.name));
    }
    Store(use_.duration, duration);
  }

  void Parameters(const Item& item) {
    ReadAnyMap(item, mistakes_, [&](const std::string& key, const Item& value) {
      const auto* parameter = FindParameter(descriptor_, key);
      if (parameter == nullptr) {
        std::vector<std::string> names;
        for (const auto& known : descriptor_.parameters()) names.push_back(known.name());
        mistakes_.Add(value.path, Unknown("parameter", key, names, " of " + use_.name));
        return;
      }
      const std::optional<std::string> text = ReadText(value, mistakes_);
      if (text) Take(CheckParameter(*parameter, *text), key, value.path);
    });
  }

  void Budgets(const Item& item) {
    ReadAnyMap(item, mistakes_, [&](const std::string& key, const Item& value) {
      const std::optional<std::string> text = ReadText(value, mistakes_);
      if (!text) return;
      if (const Status status = CheckBudget(descriptor_, key, *text); !status.ok()) {
        mistakes_.Add(value.path, std::string(status.message()));
      }
      use_.budgets[key] = *text;
    });
  }

  void Profiles(const Item& item) {
    ReadList(item, mistakes_, false,
             [&](const Item& entry) { use_.profiles.push_back(ReadText(entry, mistakes_).value_or("")); });
  }

  // Parameters that the file does not set get their defaults.
  ScenarioUse Finish(const Item& item) {
    for (const auto& parameter : descriptor_.parameters()) {
      if (use_.parameters.contains(parameter.name())) continue;
      Take(CheckParameter(parameter, parameter.default_value()), parameter.name(), item.path);
    }
    return std::move(use_);
  }

 private:
  void Take(const StatusOr<std::string>& value, const std::string& name, const std::string& path) {
    if (!value.ok()) mistakes_.Add(path, std::string(value.status().message()));
    use_.parameters[name] = value.value_or("");
  }

  const v1::ScenarioDescriptor& descriptor_;
  Mistakes& mistakes_;
  ScenarioUse use_;
};

const v1::ScenarioDescriptor* FindScenario(const Item& item, const Descriptors& descriptors, Mistakes& mistakes) {
  Vocabulary<const v1::ScenarioDescriptor*> scenarios;
  for (const auto& descriptor : descriptors) scenarios.emplace_back(descriptor.name(), &descriptor);
  return ReadWord(item, mistakes, "scenario", scenarios).value_or(nullptr);
}

// Applies the keys of the mapping; nested mappings are replaced as a whole.
void ReadProfileMap(const Item& item, Mistakes& mistakes, Profile& profile) {
  const Vocabulary<Arch> archs = {{"x86_64", Arch::kX86_64}, {"aarch64", Arch::kAarch64}};
  const Vocabulary<bool> firmwares = {{"bios", false}, {"uefi", true}};
  ReadMap(item, mistakes,
          {{"name", [&](const Item& i) { Store(profile.name, ReadName(i, mistakes)); }, true},
           {"base", [](const Item&) {}},
           {"arch", [&](const Item& i) { Store(profile.arch, ReadWord(i, mistakes, "architecture", archs)); }},
           {"machine", [&](const Item& i) { Store(profile.machine, ReadText(i, mistakes)); }},
           {"vcpus", [&](const Item& i) { Store(profile.vcpus, ReadNumber(i, mistakes, 1, kMaxVcpus)); }},
           {"memory", [&](const Item& i) { Store(profile.memory_bytes, ReadBytes(i, mistakes)); }},
           {"memoryHotplug", [&](const Item& i) { profile.memory_hotplug = ReadMemoryHotplug(i, mistakes); }},
           {"iommu", [&](const Item& i) { profile.iommu = ReadIommu(i, mistakes); }},
           {"confidential", [&](const Item& i) { profile.confidential = ReadConfidential(i, mistakes); }},
           {"firmware", [&](const Item& i) { Store(profile.uefi, ReadWord(i, mistakes, "firmware", firmwares)); }},
           {"cmdline", [&](const Item& i) { Store(profile.cmdline, ReadText(i, mistakes)); }},
           {"watchdog", [&](const Item& i) { profile.watchdog = ReadWatchdog(i, mistakes); }}});
}

std::optional<Item> BaseOf(const Item& item, Mistakes& mistakes) {
  if (!item.node.IsMap()) return std::nullopt;
  const YAML::Node base = item.node["base"];
  if (!base.IsDefined()) return std::nullopt;
  mistakes.Remember(item.path + ".base", base.Mark());
  return item.Child("base", base);
}

std::optional<Profile> ReadReadyProfile(const Item& item, Mistakes& mistakes) {
  Vocabulary<std::string_view> files;
  for (const PredefinedProfile& profile : PredefinedProfiles()) files.emplace_back(profile.name, profile.yaml);
  const auto yaml = ReadWord(item, mistakes, "predefined profile", files);
  if (!yaml) return std::nullopt;
  Profile profile;
  Mistakes none({});  // ignored: a unit test checks each file
  ReadProfileMap({YAML::Load(std::string(*yaml)), ""}, none, profile);
  return profile;
}

// The name is read first, since the other keys are checked against the scenario's descriptor.
std::optional<Item> NameOf(const Item& item, Mistakes& mistakes) {
  if (!item.node.IsMap()) return item;  // the short form: the name alone
  if (const YAML::Node name = item.node["name"]; name.IsDefined()) {
    mistakes.Remember(item.path + ".name", name.Mark());
    return item.Child("name", name);
  }
  mistakes.Add(item.path, "\"name\" is missing");
  return std::nullopt;
}

}  // namespace

KernelSelector ReadKernelSelector(const Item& item, Mistakes& mistakes) {
  KernelSelector selector;
  const SpecError place = mistakes.Locate(item.path);
  selector.line = place.line;
  selector.column = place.column;
  if (!item.node.IsMap()) {
    Store(selector.exact, ReadText(item, mistakes));
    if (item.node.IsScalar() && selector.exact.empty()) mistakes.Add(item.path, "expected an id or a release");
    return selector;
  }
  const size_t before = mistakes.size();
  ReadMap(item, mistakes,
          {{"match", [&](const Item& i) { Store(selector.match, ReadText(i, mistakes)); }},
           {"label",
            [&](const Item& i) {
              const std::string text = ReadText(i, mistakes).value_or("=");
              const size_t equals = text.find('=');
              if (equals == 0 || equals == std::string::npos) {
                mistakes.Add(i.path, fmt::format("invalid label \"{}\" (expected key=value)", text));
                return;
              }
              selector.label_key = text.substr(0, equals);
              selector.label_value = text.substr(equals + 1);
            }},
           {"newest", [&](const Item& i) { Store(selector.newest, ReadNumber(i, mistakes, 1, kMaxNewest)); }}});
  if (mistakes.size() == before && selector.match.empty() == selector.label_key.empty()) {
    mistakes.Add(item.path, "expected exactly one of \"match\" and \"label\"");
  }
  return selector;
}

Profile ReadProfile(const Item& item, Mistakes& mistakes) {
  const size_t before = mistakes.size();
  Profile profile;
  if (item.node.IsScalar()) {  // the short form: the name of a predefined profile
    Store(profile, ReadReadyProfile(item, mistakes));
  } else {
    // The base is read first, so that the other keys override it.
    if (const auto base = BaseOf(item, mistakes)) Store(profile, ReadReadyProfile(*base, mistakes));
    profile.name.clear();  // not the base's name: results of different VMs must not be mixed
    ReadProfileMap(item, mistakes, profile);
  }
  if (profile.machine.empty()) profile.machine = profile.arch == Arch::kX86_64 ? "q35" : "virt";
  // If a value could not be read, CheckProfile would report spurious errors.
  if (mistakes.size() == before) CheckProfile(profile, item.path, mistakes);
  return profile;
}

ScenarioUse ReadScenario(const Item& item, const Descriptors& descriptors, Mistakes& mistakes) {
  const std::optional<Item> name = NameOf(item, mistakes);
  const v1::ScenarioDescriptor* descriptor = name ? FindScenario(*name, descriptors, mistakes) : nullptr;
  // For an unknown scenario, only the keys can be checked.
  const bool known = descriptor != nullptr;
  ScenarioReader reader(known ? *descriptor : v1::ScenarioDescriptor::default_instance(), mistakes);
  const auto with = [&](void (ScenarioReader::*read)(const Item&)) {
    return [&reader, known, read](const Item& i) {
      if (known) (reader.*read)(i);
    };
  };
  if (item.node.IsMap()) {
    ReadMap(item, mistakes,
            {{"name", [](const Item&) {}},
             {"duration", with(&ScenarioReader::Duration)},
             {"params", with(&ScenarioReader::Parameters)},
             {"budgets", with(&ScenarioReader::Budgets)},
             {"profiles", with(&ScenarioReader::Profiles)}});
  }
  return reader.Finish(item);
}

}  // namespace lk::campaign
