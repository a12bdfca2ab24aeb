// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/unique_fd.h"

namespace lk::agent::iommu_invalidation {

// A virtio disk that nobody uses, behind an IOMMU.
struct Disk {
  std::string name;         // vdb
  std::string pci_address;  // 0000:03:00.0
  UniqueFd fd;              // for direct I/O, exclusive
  uint64_t bytes = 0;
};

// By name. A disk with partitions, or one that is mounted or claimed otherwise, is somebody's and left alone.
std::vector<Disk> FindDisks();

// There is an Intel IOMMU and the kernel drives it.
bool HasIntelIommu();

}  // namespace lk::agent::iommu_invalidation
