// SPDX-License-Identifier: Apache-2.0
// libvirt's XML for lk's VMs. Pure: made and read with pugixml, no connection needed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/vm/hypervisor.h"

namespace lk::vm {

// The namespace of the <lk:run> element in a domain's <metadata>.
inline constexpr char kMetadataUri[] = "https://lk.dev/xmlns/run/1";

// The domain as https://libvirt.org/formatdomain.html describes it. Error: INVALID_ARGUMENT (kOurs), naming the
// combination that no libvirt of this version can run.
StatusOr<std::string> DomainXml(const VmSpec& spec);

// Firmware variables of a UEFI guest: beside the console log, so that they go with the run's directory.
std::filesystem::path NvramPath(const VmSpec& spec);

// Who a domain belongs to; `xml` is the content of its lk metadata element. Empty strings where it has none.
struct Ownership {
  std::string run_id;
  std::string owner;
};
Ownership ParseOwnership(std::string_view xml);

// A DIMM of so many bytes on NUMA node 0.
std::string DimmXml(uint64_t bytes, const std::string& alias);
// How aliases of DIMMs begin; nothing else is a guest's to have unplugged.
inline constexpr std::string_view kDimmAlias = "ua-lk-dimm-";
// "ua-lk-dimm-N" with the lowest N that the domain (its whole XML) has no device of.
std::string FreeDimmAlias(std::string_view domain_xml);

// Whether the domain has a memory device of that alias.
bool HasMemoryDevice(std::string_view domain_xml, std::string_view alias);

// The domain's virtio-mem device with another requested size; what virDomainUpdateDeviceFlags() takes.
// Errors: INVALID_ARGUMENT (more than the device's size, not a multiple of its block size), FAILED_PRECONDITION (no
// such device).
StatusOr<std::string> VirtioMemXml(std::string_view domain_xml, uint64_t bytes);

}  // namespace lk::vm
