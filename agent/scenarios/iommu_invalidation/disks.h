// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/unique_fd.h"

namespace lk::agent::iommu_invalidation {

// An unused virtio disk behind an IOMMU.
struct Disk {
  std::string name;         // vdb
  std::string pci_address;  // 0000:03:00.0
  UniqueFd fd;              // for direct I/O, exclusive
  uint64_t bytes = 0;
};

// Returns the unused disks, sorted by name. Skips disks that have partitions, are mounted or are otherwise in use.
std::vector<Disk> FindDisks();

// Whether the kernel uses an Intel IOMMU.
bool HasIntelIommu();

}  // namespace lk::agent::iommu_invalidation
