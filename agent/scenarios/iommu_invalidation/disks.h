// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::iommu_invalidation {

// An unused scratch disk behind an IOMMU.
struct Disk {
  std::string name;         // vdb
  std::string pci_address;  // 0000:03:00.0
  unsigned number = 0;      // from its serial
  bool translated = true;   // its group is not of type identity
  UniqueFd fd;              // for direct I/O, exclusive
  uint64_t bytes = 0;
};

// Returns the unused scratch disks, sorted by number. Skips disks that have partitions, are mounted or are otherwise in
// use.
std::vector<Disk> FindDisks();
// Returns the scratch disk with this number, if it is there.
std::optional<Disk> FindDisk(unsigned number);

// Returns the number in a serial such as "lk-scratch-2\n".
std::optional<unsigned> ParseSerial(std::string_view serial);

// Whether the kernel uses an Intel IOMMU.
bool HasIntelIommu();

// Whether the kernel can hot-plug the device: it has registered the device's slot.
bool HasSlot(const std::string& pci_address);

// Makes a PCIe slot lose its device without notice, as if someone pulled it out: turns the slot's power off and on
// again. Errors: FAILED_PRECONDITION (the kernel does not manage the slot through PCIe hotplug), those of sysfs.
Status PullOut(const std::string& pci_address);

}  // namespace lk::agent::iommu_invalidation
