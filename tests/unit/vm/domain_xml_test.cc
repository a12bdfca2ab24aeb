// SPDX-License-Identifier: Apache-2.0
#include "server/vm/domain_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

namespace lk::vm {
namespace {

using campaign::Arch;
using campaign::Confidential;
using campaign::Iommu;
using campaign::MemoryHotplug;
using ::testing::HasSubstr;

constexpr uint64_t kGiB = uint64_t{1} << 30;

VmSpec Plain() {
  VmSpec spec;
  spec.name = "lk-c1a2-7";
  spec.run_id = "c1a2-7";
  spec.owner = "/var/lib/lk";
  spec.profile.name = "test";
  spec.profile.machine = "q35";
  spec.accelerator = "tcg";
  spec.kernel = "/var/lib/lk/kernels/k1/image";
  spec.initrd = "/var/lib/lk/runs/c1a2-7/initrd";
  spec.cmdline = "console=ttyS0 quote=\"a<b&c\"";
  spec.console_log = "/var/lib/lk/runs/c1a2-7/vm.log";
  return spec;
}

VmSpec Confined(Confidential::Type type, std::map<std::string, std::string> fields) {
  auto spec = Plain();
  spec.accelerator = "kvm";
  spec.profile.uefi = true;
  spec.profile.confidential = {type, std::move(fields)};
  return spec;
}

VmSpec Arm() {
  auto spec = Plain();
  spec.profile.arch = Arch::kAarch64;
  spec.profile.machine = "virt";
  return spec;
}

struct Case {
  const char* name;
  std::function<VmSpec()> spec;
};
void PrintTo(const Case& param, std::ostream* out) {
  *out << param.name;
}

// Each is compared with golden/<name>.xml (LK_UPDATE_GOLDEN=1 rewrites it) and validated with libvirt's own schema.
const Case kCases[] = {
    {"q35", Plain},
    {"q35-kvm",
     [] {
       auto spec = Plain();
       spec.accelerator = "kvm";
       return spec;
     }},
    {"iommu-intel",
     [] {
       auto spec = Plain();
       spec.profile.vcpus = 4;
       spec.profile.iommu = Iommu{Iommu::Model::kIntel, true, true, true, false};
       return spec;
     }},
    {"disks",
     [] {
       auto spec = Plain();
       spec.disks = {{"/var/lib/lk/runs/c1a2-7/scratch-0.img", kGiB}, {"/var/lib/lk/runs/c1a2-7/scratch-1.img", kGiB}};
       return spec;
     }},
    {"disks-iommu",
     [] {
       auto spec = Plain();
       spec.disks = {{"/var/lib/lk/runs/c1a2-7/scratch-0.img", kGiB}};
       spec.profile.iommu = Iommu{Iommu::Model::kIntel, true, true, true, false};
       return spec;
     }},
    {"iommu-scalable",
     [] {
       auto spec = Plain();
       spec.profile.iommu = Iommu{Iommu::Model::kIntel, true, true, true, true};
       return spec;
     }},
    {"iommu-amd",
     [] {
       auto spec = Plain();
       spec.profile.iommu = Iommu{.model = Iommu::Model::kAmd, .intremap = true, .device_iotlb = true};
       return spec;
     }},
    {"iommu-virtio",
     [] {
       auto spec = Plain();
       spec.profile.iommu = Iommu{.model = Iommu::Model::kVirtio};
       return spec;
     }},
    {"dimm",
     [] {
       auto spec = Plain();
       spec.profile.vcpus = 4;
       spec.profile.memory_hotplug = MemoryHotplug{MemoryHotplug::Model::kDimm, 8, 8 * kGiB};
       return spec;
     }},
    {"virtio-mem",
     [] {
       auto spec = Plain();
       spec.profile.vcpus = 1;
       spec.profile.memory_hotplug = MemoryHotplug{MemoryHotplug::Model::kVirtioMem, 1, 4 * kGiB};
       return spec;
     }},
    {"watchdog",
     [] {
       auto spec = Plain();
       spec.profile.watchdog = campaign::Watchdog{"i6300esb", "none"};
       return spec;
     }},
    {"uefi",
     [] {
       auto spec = Plain();
       spec.profile.uefi = true;
       return spec;
     }},
    {"sev",
     [] {
       return Confined(Confidential::Type::kSev,
                       {{"policy", "0x0003"}, {"cbitpos", "51"}, {"reducedPhysBits", "1"}, {"kernelHashes", "yes"}});
     }},
    {"sev-snp",
     [] {
       return Confined(Confidential::Type::kSevSnp, {{"policy", "0x00030000"}, {"authorKey", "no"}, {"vcek", "yes"}});
     }},
    {"tdx",
     [] {
       return Confined(Confidential::Type::kTdx, {{"policy", "0x10000001"}});
     }},
    {"aarch64-virt", Arm},
    {"aarch64-smmuv3",
     [] {
       auto spec = Arm();
       spec.profile.uefi = true;
       spec.profile.vcpus = 4;
       spec.profile.iommu = Iommu{.model = Iommu::Model::kSmmuv3};
       return spec;
     }},
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

class DomainXmlTest : public ::testing::TestWithParam<Case> {};

TEST_P(DomainXmlTest, MatchesGolden) {
  const auto xml = DomainXml(GetParam().spec());
  ASSERT_TRUE(xml.ok()) << xml.status();
  const std::string path = std::string(LK_GOLDEN) + "/" + GetParam().name + ".xml";
  if (std::getenv("LK_UPDATE_GOLDEN")) std::ofstream(path) << *xml;
  EXPECT_EQ(*xml, ReadFile(path)) << "if the difference is intended, set LK_UPDATE_GOLDEN=1";
}

TEST_P(DomainXmlTest, IsValidForLibvirt) {
  // TDX was added to libvirt's schema after 11.3.
  const bool tdx = std::string_view(GetParam().name) == "tdx";
  if (tdx && ReadFile(LK_LIBVIRT_SCHEMA).find("<value>tdx</value>") == std::string::npos) {
    GTEST_SKIP() << "the schema of the installed libvirt does not support tdx";
  }
  const std::string command = std::string("virt-xml-validate ") + LK_GOLDEN + "/" + GetParam().name + ".xml domain";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(All, DomainXmlTest, ::testing::ValuesIn(kCases), [](const auto& param) {
  std::string name = param.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(DomainXml, RefusesImpossibleCombinations) {
  const struct {
    std::function<void(VmSpec&)> change;
    const char* words;
  } refused[] = {
      {[](VmSpec& s) { s.profile.iommu = Iommu{.model = Iommu::Model::kVirtio, .scalable = true}; }, "scalable"},
      {[](VmSpec& s) { s.disks.resize(27); }, "scratch disks"},
      {[](VmSpec& s) { s.profile.iommu = Iommu{.model = Iommu::Model::kSmmuv3}; }, "aarch64"},
      {[](VmSpec& s) { s.profile.iommu = Iommu{.model = Iommu::Model::kVirtio, .intremap = true}; }, "intel or amd"},
      {[](VmSpec& s) { s.profile.iommu = Iommu{.model = Iommu::Model::kAmd, .caching_mode = true}; },
       "require iommu intel"},
      {[](VmSpec& s) {
         s.profile.arch = Arch::kAarch64;
         s.profile.iommu = Iommu{.model = Iommu::Model::kAmd};
       },
       "iommu amd requires"},
      {[](VmSpec& s) {
         s.profile.arch = Arch::kAarch64;
         s.profile.iommu = Iommu{.model = Iommu::Model::kIntel};
       },
       "q35"},
      {[](VmSpec& s) {
         s.profile.memory_hotplug = MemoryHotplug{MemoryHotplug::Model::kDimm, 1, kGiB};
       },
       "greater"},
      {[](VmSpec& s) {
         s.profile.memory_hotplug = MemoryHotplug{MemoryHotplug::Model::kVirtioMem, 1, kGiB + 4096};
       },
       "2MiB"},
      {[](VmSpec& s) { s.profile.confidential.type = Confidential::Type::kSev; }, "uefi"},
      {[](VmSpec& s) {
         s.profile.confidential.type = Confidential::Type::kSevSnp;
         s.profile.uefi = true;
       },
       "KVM"},
  };
  for (const auto& row : refused) {
    auto spec = Plain();
    row.change(spec);
    const auto xml = DomainXml(spec);
    ASSERT_FALSE(xml.ok()) << row.words;
    EXPECT_EQ(xml.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(xml.status().message()), HasSubstr(row.words));
    EXPECT_EQ(FaultOf(xml.status()), Fault::kOurs);
  }
}

TEST(DomainXml, OwnershipIsReadFromTheMetadata) {
  const auto owned = ParseOwnership("<lk:run xmlns:lk='https://lk.dev/xmlns/run/1' id='c1-2' owner='/var/lib/lk'/>");
  EXPECT_EQ(owned.run_id, "c1-2");
  EXPECT_EQ(owned.owner, "/var/lib/lk");
  EXPECT_EQ(ParseOwnership("").run_id, "");
  EXPECT_EQ(ParseOwnership("no XML <").owner, "");
}

TEST(DomainXml, LowestFreeDimmAliasIsUsed) {
  EXPECT_EQ(FreeDimmAlias("<domain><devices/></domain>"), "ua-lk-dimm-0");
  EXPECT_EQ(FreeDimmAlias("<domain><devices><memory><alias name='ua-lk-dimm-0'/></memory>"
                          "<memory><alias name='ua-lk-dimm-2'/></memory></devices></domain>"),
            "ua-lk-dimm-1");
}

// A disk that is attached again must be the one that was there before.
TEST(DomainXml, AScratchDiskIsFoundAndDescribedAsInTheDomain) {
  auto spec = Plain();
  spec.profile.iommu = Iommu{Iommu::Model::kIntel, true, true, true, false};
  spec.disks = {{"/runs/scratch-0.img", kGiB}, {"/runs/scratch-1.img", kGiB}};
  const auto domain = DomainXml(spec);
  ASSERT_TRUE(domain.ok()) << domain.status();
  // Without indentation.
  const auto flat = [](std::string xml) {
    std::string text;
    std::istringstream lines(xml);
    for (std::string line; std::getline(lines, line);) text += line.substr(std::min(line.size(), line.find('<')));
    return text;
  };
  EXPECT_THAT(flat(*domain), HasSubstr(flat(DiskXml(spec.profile, spec.disks[1], 1))));
  EXPECT_TRUE(HasDisk(*domain, DiskAlias(0)) && HasDisk(*domain, DiskAlias(1)));
  EXPECT_FALSE(HasDisk(*domain, DiskAlias(2)));
  EXPECT_FALSE(HasMemoryDevice(*domain, DiskAlias(0)));
}

TEST(DomainXml, VirtioMemIsResizedInWholeBlocks) {
  constexpr char kDomain[] =
      "<domain><devices><memory model='virtio-mem'><target><size unit='KiB'>4194304</size><node>0</node>"
      "<block unit='KiB'>2048</block><requested unit='KiB'>0</requested><current unit='KiB'>0</current></target>"
      "</memory></devices></domain>";
  const auto xml = VirtioMemXml(kDomain, kGiB);
  ASSERT_TRUE(xml.ok()) << xml.status();
  EXPECT_THAT(*xml, HasSubstr("<requested unit=\"KiB\">1048576</requested>"));
  EXPECT_EQ(VirtioMemXml(kDomain, 5 * kGiB).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VirtioMemXml(kDomain, 4096).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VirtioMemXml("<domain/>", 0).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Fault, IsPartOfTheStatus) {
  const auto status = WithFault(absl::UnavailableError("gone"), Fault::kHost);
  EXPECT_EQ(FaultOf(status), Fault::kHost);
  EXPECT_EQ(FaultOf(WithFault(status, Fault::kGuest)), Fault::kGuest);
  EXPECT_EQ(FaultOf(WithFault(status, Fault::kOurs)), Fault::kOurs);
  EXPECT_EQ(FaultOf(absl::InternalError("no payload")), Fault::kOurs);
}

}  // namespace
}  // namespace lk::vm
