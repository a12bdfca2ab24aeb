// SPDX-License-Identifier: Apache-2.0
// The libvirt XML of lk's VMs. Pure functions, which need no connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/vm/hypervisor.h"

namespace lk::vm {

// The namespace of the <lk:run> element in a domain's <metadata>.
inline constexpr char kMetadataUri[] = "https://lk.dev/xmlns/run/1";

// Returns the XML of the domain (https://libvirt.org/formatdomain.html). Error: INVALID_ARGUMENT (kOurs) for a
// combination of settings that libvirt cannot run; the message names the combination.
StatusOr<std::string> DomainXml(const VmSpec& spec);

// The file with a UEFI guest's firmware variables. It is next to the console log, so that it is removed together with
// the run's directory.
std::filesystem::path NvramPath(const VmSpec& spec);

// The owner of a domain, from its lk metadata element. The strings are empty if there is no such element.
struct Ownership {
  std::string run_id;
  std::string owner;
};
Ownership ParseOwnership(std::string_view xml);

// A DIMM of this size on NUMA node 0.
std::string DimmXml(uint64_t bytes, const std::string& alias);
// The prefix of DIMM aliases. Only devices with this prefix can be unplugged.
inline constexpr std::string_view kDimmAlias = "ua-lk-dimm-";
// "ua-lk-dimm-N" with the lowest N that is not in use. `domain_xml` is the XML of the whole domain.
std::string FreeDimmAlias(std::string_view domain_xml);

// The scratch disk with this number, as in DomainXml(), and its alias.
std::string DiskXml(const campaign::Profile& profile, const ScratchDisk& disk, unsigned number);
std::string DiskAlias(unsigned number);
// Whether the domain has a disk with that alias.
bool HasDisk(std::string_view domain_xml, std::string_view alias);

// Whether the domain has a memory device with that alias.
bool HasMemoryDevice(std::string_view domain_xml, std::string_view alias);

// The domain's virtio-mem device with a different requested size, in the form that virDomainUpdateDeviceFlags()
// expects. Errors: INVALID_ARGUMENT (larger than the device, not a multiple of its block size), FAILED_PRECONDITION (no
// such device).
StatusOr<std::string> VirtioMemXml(std::string_view domain_xml, uint64_t bytes);

}  // namespace lk::vm
