// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "server/vm/libvirt/error.h"
#include "server/vm/libvirt/probe_guest.h"

namespace lk::vm::libvirt {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Capabilities, ReadsArchitecturesAndKvm) {
  constexpr char kXml[] = R"(<capabilities><host><cpu><arch>x86_64</arch></cpu></host>
    <guest><arch name='i686'><domain type='kvm'/></arch></guest>
    <guest><arch name='x86_64'><domain type='qemu'/><domain type='kvm'/></arch></guest>
    <guest><arch name='aarch64'><domain type='qemu'/></arch></guest></capabilities>)";
  const auto guests = ParseCapabilities(kXml);
  EXPECT_THAT(guests.archs, ElementsAre("x86_64", "aarch64"));
  EXPECT_TRUE(guests.kvm);
  EXPECT_EQ(guests.host_arch, "x86_64");
}

TEST(Capabilities, ArchitectureOfTheHostComesFirst) {
  constexpr char kXml[] = R"(<capabilities><host><cpu><arch>%</arch></cpu></host>
    <guest><arch name='aarch64'/></guest><guest><arch name='x86_64'/></guest></capabilities>)";
  for (const char* arch : {"x86_64", "aarch64"}) {
    std::string xml = kXml;
    EXPECT_EQ(ParseCapabilities(xml.replace(xml.find('%'), 1, arch)).archs.front(), arch);
  }
}

TEST(Capabilities, KvmOfAnotherArchitectureDoesNotCount) {
  constexpr char kXml[] = R"(<capabilities><host><cpu><arch>x86_64</arch></cpu></host>
    <guest><arch name='x86_64'><domain type='qemu'/></arch></guest>
    <guest><arch name='i686'><domain type='kvm'/></arch></guest></capabilities>)";
  EXPECT_FALSE(ParseCapabilities(kXml).kvm);
}

TEST(Capabilities, ReadsFeatures) {
  constexpr char kXml[] = R"(<domainCapabilities><arch>x86_64</arch>
    <os supported='yes'><enum name='firmware'><value>efi</value></enum></os>
    <devices><panic supported='yes'><enum name='model'><value>isa</value></enum></panic></devices>
    <features><launchSecurity supported='yes'><enum name='sectype'><value>sev</value><value>sev-snp</value></enum>
    </launchSecurity></features></domainCapabilities>)";
  const auto features = ParseFeatures(kXml);
  for (const char* feature : {"firmware:uefi", "launchSecurity:sev", "launchSecurity:sev-snp", "panic:isa",
                              "iommu:intel", "memory:dimm", "memory:virtio-mem"}) {
    EXPECT_THAT(features, Contains(feature));
  }
  EXPECT_THAT(features, Not(Contains("iommu:smmuv3")));
  EXPECT_THAT(ParseFeatures("<domainCapabilities><arch>x86_64</arch><features><launchSecurity supported='no'/>"
                            "</features></domainCapabilities>"),
              Not(Contains(HasSubstr("launchSecurity"))));
}

TEST(Capabilities, OldQemuBreaksGuests) {
  EXPECT_THAT(BrokenQemu(7002022), HasSubstr("QEMU 7.2.22"));
  EXPECT_EQ(BrokenQemu(8000000), "");
  EXPECT_EQ(BrokenQemu(10000002), "");
  EXPECT_EQ(VersionText(10000002), "10.0.2");
}

TEST(Errors, GetACodeAndAFault) {
  const struct {
    int domain, code;
    absl::StatusCode status;
    Fault fault;
  } rows[] = {
      {VIR_FROM_QEMU, VIR_ERR_NO_DOMAIN, absl::StatusCode::kNotFound, Fault::kGuest},
      {VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR, absl::StatusCode::kInvalidArgument, Fault::kOurs},
      {VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, absl::StatusCode::kUnavailable, Fault::kHost},
      {VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, absl::StatusCode::kInternal, Fault::kHost},
      {VIR_FROM_NONE, 99999, absl::StatusCode::kInternal, Fault::kHost},
  };
  for (const auto& row : rows) {
    virError error = {};
    error.domain = row.domain;
    error.code = row.code;
    char words[] = "libvirt's words";
    error.message = words;
    const auto status = ToStatus(error, "start lk-1");
    EXPECT_EQ(status.code(), row.status) << row.code;
    EXPECT_EQ(FaultOf(status), row.fault) << row.code;
    EXPECT_EQ(std::string(status.message()), "start lk-1: libvirt's words");
  }
}

#if defined(__x86_64__)
TEST(ProbeGuest, IsAMultibootImage) {
  const auto guest = ProbeGuest();
  ASSERT_GT(guest.size(), 32u);
  uint32_t header[3];
  std::memcpy(header, guest.data(), sizeof header);
  EXPECT_EQ(header[0], 0x1badb002u);
  EXPECT_EQ(header[0] + header[1] + header[2], 0u);
  EXPECT_NE(guest.find(kProbeWord), std::string_view::npos);
}
#endif

}  // namespace
}  // namespace lk::vm::libvirt
