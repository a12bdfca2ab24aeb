// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/host_needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::campaign {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(HostNeeds, FollowFromTheProfile) {
  Profile profile;
  EXPECT_THAT(HostNeeds(profile), ElementsAre("arch:x86_64"));
  profile.iommu = Iommu{.model = Iommu::Model::kIntel};
  profile.memory_hotplug = MemoryHotplug{.model = MemoryHotplug::Model::kVirtioMem};
  EXPECT_THAT(HostNeeds(profile), ElementsAre("arch:x86_64", "iommu:intel", "memory:virtio-mem"));
  profile.iommu->scalable = true;
  profile.memory_hotplug->model = MemoryHotplug::Model::kDimm;
  EXPECT_THAT(HostNeeds(profile), ElementsAre("arch:x86_64", "iommu:intel", "iommu:intel-scalable", "memory:dimm"));

  Profile arm;
  arm.arch = Arch::kAarch64;
  arm.iommu = Iommu{.model = Iommu::Model::kSmmuv3};
  EXPECT_THAT(HostNeeds(arm), ElementsAre("arch:aarch64", "iommu:smmuv3"));
  profile.iommu = Iommu{.model = Iommu::Model::kAmd};
  EXPECT_THAT(HostNeeds(profile), ElementsAre("arch:x86_64", "iommu:amd", "memory:dimm"));
  arm.iommu->model = Iommu::Model::kVirtio;
  EXPECT_THAT(HostNeeds(arm), ElementsAre("arch:aarch64", "iommu:virtio"));
}

TEST(HostNeeds, IncludeKvmForEncryptedMemory) {
  Profile profile;
  profile.uefi = true;
  const struct {
    Confidential::Type type;
    const char* need;
  } rows[] = {{Confidential::Type::kSev, "launchSecurity:sev"},
              {Confidential::Type::kSevSnp, "launchSecurity:sev-snp"},
              {Confidential::Type::kTdx, "launchSecurity:tdx"}};
  for (const auto& row : rows) {
    profile.confidential.type = row.type;
    EXPECT_THAT(HostNeeds(profile), ElementsAre("arch:x86_64", "firmware:uefi", row.need, "accelerator:kvm"));
  }
}

TEST(HostNeeds, AreMetByFeaturesArchitecturesAndTheAccelerator) {
  Host host;
  host.archs = {"x86_64", "aarch64"};
  host.features = {"iommu:intel", "launchSecurity:sev"};
  host.accelerator = "tcg";
  EXPECT_THAT(MissingNeeds(host, {"arch:aarch64", "accelerator:tcg", "iommu:intel"}), IsEmpty());
  EXPECT_THAT(MissingNeeds(host, {"arch:x86_64", "launchSecurity:sev-snp", "accelerator:kvm"}),
              ElementsAre("launchSecurity:sev-snp", "accelerator:kvm"));
  EXPECT_EQ(OfferInstead(host, "launchSecurity:sev-snp"), "launchSecurity:sev");
  EXPECT_EQ(OfferInstead(host, "arch:riscv64"), "arch:x86_64, arch:aarch64");
  EXPECT_EQ(OfferInstead(host, "firmware:uefi"), "no firmware");
}

}  // namespace
}  // namespace lk::campaign
