// SPDX-License-Identifier: Apache-2.0
// What a host's capabilities XML says, in lk's words. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"

namespace lk::vm::libvirt {

struct Guests {
  std::vector<std::string> archs;  // of those lk knows, with an emulator for them
  bool kvm = false;                // libvirt offers domains of type kvm
  std::string host_arch;
};
// From virConnectGetCapabilities().
Guests ParseCapabilities(std::string_view xml);

// From virConnectGetDomainCapabilities() of one architecture: "firmware:uefi", "launchSecurity:sev", "panic:isa" ...,
// and what the document does not tell but every QEMU from 8.0 on has for the architecture ("iommu:intel",
// "memory:dimm" ...). Sorted.
std::vector<std::string> ParseFeatures(std::string_view xml);

// "QEMU 7.2.22 ..." why this QEMU (libvirt's version number: major * 1000000 + minor * 1000 + release) breaks guests;
// empty: it is not known to.
std::string BrokenQemu(unsigned long version);

// libvirt's version numbers as text: 11003000 is 11.3.0.
std::string VersionText(unsigned long version);

}  // namespace lk::vm::libvirt
