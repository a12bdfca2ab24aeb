// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/host_needs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace lk::campaign {
namespace {

bool ConfidentialIs(const Profile& profile, Confidential::Type type) {
  return profile.confidential.type == type;
}

struct Trait {
  bool (*present)(const Profile&);
  std::string_view need;
};
constexpr Trait kTraits[] = {
    {[](const Profile& p) { return p.arch == Arch::kX86_64; }, "arch:x86_64"},
    {[](const Profile& p) { return p.arch == Arch::kAarch64; }, "arch:aarch64"},
    {[](const Profile& p) { return p.uefi; }, "firmware:uefi"},
    {[](const Profile& p) { return IommuIs(p, Iommu::Model::kIntel); }, "iommu:intel"},
    {[](const Profile& p) { return IommuIs(p, Iommu::Model::kIntel) && p.iommu->scalable; }, "iommu:intel-scalable"},
    {[](const Profile& p) { return IommuIs(p, Iommu::Model::kAmd); }, "iommu:amd"},
    {[](const Profile& p) { return IommuIs(p, Iommu::Model::kSmmuv3); }, "iommu:smmuv3"},
    {[](const Profile& p) { return IommuIs(p, Iommu::Model::kVirtio); }, "iommu:virtio"},
    {[](const Profile& p) { return HotplugIs(p, MemoryHotplug::Model::kDimm); }, "memory:dimm"},
    {[](const Profile& p) { return HotplugIs(p, MemoryHotplug::Model::kVirtioMem); }, "memory:virtio-mem"},
    {[](const Profile& p) { return ConfidentialIs(p, Confidential::Type::kSev); }, "launchSecurity:sev"},
    {[](const Profile& p) { return ConfidentialIs(p, Confidential::Type::kSevSnp); }, "launchSecurity:sev-snp"},
    {[](const Profile& p) { return ConfidentialIs(p, Confidential::Type::kTdx); }, "launchSecurity:tdx"},
    // Memory encryption is a feature of the processor and cannot be emulated.
    {[](const Profile& p) { return !ConfidentialIs(p, Confidential::Type::kNone); }, "accelerator:kvm"},
};

constexpr std::string_view kArch = "arch:", kAccelerator = "accelerator:";

// Called for each queued run and host whenever room may have become free, so it builds no strings.
bool Offers(const Host& host, std::string_view need) {
  if (need.starts_with(kArch)) return std::ranges::find(host.archs, need.substr(kArch.size())) != host.archs.end();
  if (need.starts_with(kAccelerator)) return host.accelerator == need.substr(kAccelerator.size());
  return std::ranges::find(host.features, need) != host.features.end();
}

}  // namespace

std::vector<std::string_view> HostNeeds(const Profile& profile) {
  std::vector<std::string_view> needs;
  for (const Trait& trait : kTraits) {
    if (trait.present(profile)) needs.push_back(trait.need);
  }
  return needs;
}

std::vector<std::string_view> MissingNeeds(const Host& host, const std::vector<std::string_view>& needs) {
  std::vector<std::string_view> missing;
  std::ranges::copy_if(needs, std::back_inserter(missing), [&](std::string_view need) { return !Offers(host, need); });
  return missing;
}

std::string OfferInstead(const Host& host, std::string_view need) {
  const std::string_view kind = need.substr(0, need.find(':') + 1);
  std::vector<std::string> alike;
  if (kind == kArch) {
    for (const std::string& arch : host.archs) alike.push_back(fmt::format("{}{}", kArch, arch));
  } else if (kind == kAccelerator) {
    alike.push_back(fmt::format("{}{}", kAccelerator, host.accelerator));
  } else {
    std::ranges::copy_if(host.features, std::back_inserter(alike),
                         [&](const std::string& feature) { return feature.starts_with(kind); });
  }
  if (alike.empty()) return fmt::format("no {}", kind.substr(0, kind.size() - 1));
  return fmt::format("{}", fmt::join(alike, ", "));
}

}  // namespace lk::campaign
