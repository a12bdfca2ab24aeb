// SPDX-License-Identifier: Apache-2.0
// Parses a host's capabilities XML. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"

namespace lk::vm::libvirt {

struct Guests {
  std::vector<std::string> archs;  // architectures that lk supports and that have an emulator
  bool kvm = false;                // libvirt offers KVM domains of the host's architecture
  std::string host_arch;
};
// From virConnectGetCapabilities().
Guests ParseCapabilities(std::string_view xml);

// From virConnectGetDomainCapabilities() for one architecture: "firmware:uefi", "launchSecurity:sev", "panic:isa" ...,
// and features that the document does not list, but that every QEMU since 8.0 has for the architecture ("iommu:intel",
// "memory:dimm" ...). Sorted.
std::vector<std::string> ParseFeatures(std::string_view xml);

// Why this version of QEMU breaks guests ("QEMU 7.2.22: ..."); empty if it is not known to. `version` is in libvirt's
// format: major * 1000000 + minor * 1000 + release.
std::string BrokenQemu(unsigned long version);

// A version number in libvirt's format as text: "11.3.0" for 11003000.
std::string VersionText(unsigned long version);

}  // namespace lk::vm::libvirt
