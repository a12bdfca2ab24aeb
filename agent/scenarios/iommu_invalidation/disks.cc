// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/disks.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace lk::agent::iommu_invalidation {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Entries(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool HasPartitions(const fs::path& block) {
  const auto entries = Entries(block);
  return std::any_of(entries.begin(), entries.end(),
                     [](const fs::path& entry) { return fs::exists(entry / "partition"); });
}

}  // namespace

std::vector<Disk> FindDisks() {
  std::vector<Disk> disks;
  for (const fs::path& block : Entries("/sys/block")) {
    std::error_code error;
    // /sys/block/vda/device is virtioN, whose parent is the PCI device.
    const fs::path pci = fs::canonical(block / "device", error).parent_path();
    Disk disk{block.filename(), pci.filename(), UniqueFd(), 0};
    if (error || !disk.name.starts_with("vd") || !fs::exists(pci / "iommu_group") || HasPartitions(block)) continue;
    // O_EXCL fails if the disk is mounted or otherwise in use (open(2)).
    disk.fd = UniqueFd(open(("/dev/" + disk.name).c_str(), O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC));
    if (!disk.fd || ioctl(disk.fd.get(), BLKGETSIZE64, &disk.bytes) != 0) continue;
    disks.push_back(std::move(disk));
  }
  return disks;
}

bool HasIntelIommu() {
  const auto iommus = Entries("/sys/class/iommu");
  return std::any_of(iommus.begin(), iommus.end(),
                     [](const fs::path& iommu) { return iommu.filename().string().starts_with("dmar"); });
}

}  // namespace lk::agent::iommu_invalidation
