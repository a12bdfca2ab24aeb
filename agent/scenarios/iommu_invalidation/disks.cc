// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/disks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/pci_regs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/files.h"
#include "support/file.h"

namespace lk::agent::iommu_invalidation {
namespace {

namespace fs = std::filesystem;

constexpr char kPciDevices[] = "/sys/bus/pci/devices/";

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

std::optional<Disk> Open(const fs::path& block) {
  std::error_code error;
  // /sys/block/vda/device is virtioN, whose parent is the PCI device.
  const fs::path pci = fs::canonical(block / "device", error).parent_path();
  const auto serial = ReadFile(block / "serial");
  if (error || !serial.ok() || !fs::exists(pci / "iommu_group") || HasPartitions(block)) return {};
  const auto number = ParseSerial(*serial);
  if (!number) return {};
  const auto type = ReadFile(pci / "iommu_group/type");
  Disk disk{block.filename(), pci.filename(), *number, !(type.ok() && type->starts_with("identity")), UniqueFd(), 0};
  // O_EXCL fails if the disk is mounted or otherwise in use (open(2)).
  disk.fd = UniqueFd(open(("/dev/" + disk.name).c_str(), O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC));
  if (!disk.fd || ioctl(disk.fd.get(), BLKGETSIZE64, &disk.bytes) != 0) return {};
  return disk;
}

// Returns the offset of a register in the PCI Express capability; 0 if there is no such capability.
off_t ExpressRegister(int config, off_t offset) {
  uint8_t at = 0;
  uint8_t id = 0;
  off_t next = PCI_CAPABILITY_LIST;
  while (pread(config, &at, 1, next) == 1 && at != 0 && pread(config, &id, 1, at) == 1) {
    if (id == PCI_CAP_ID_EXP) return at + offset;
    next = at + PCI_CAP_LIST_NEXT;
  }
  return 0;
}

}  // namespace

std::optional<unsigned> ParseSerial(std::string_view serial) {
  constexpr std::string_view kPrefix = "lk-scratch-";
  if (!serial.starts_with(kPrefix)) return {};
  serial.remove_prefix(kPrefix.size());
  unsigned number = 0;
  const auto [end, error] = std::from_chars(serial.data(), serial.data() + serial.size(), number);
  if (error != std::errc()) return {};
  return number;
}

std::vector<Disk> FindDisks() {
  std::vector<Disk> disks;
  for (const fs::path& block : Entries("/sys/block")) {
    if (auto disk = Open(block)) disks.push_back(*std::move(disk));
  }
  std::ranges::sort(disks, {}, &Disk::number);
  return disks;
}

std::optional<Disk> FindDisk(unsigned number) {
  for (const fs::path& block : Entries("/sys/block")) {
    const auto serial = ReadFile(block / "serial");
    if (serial.ok() && ParseSerial(*serial) == number) return Open(block);
  }
  return {};
}

bool HasIntelIommu() {
  const auto iommus = Entries("/sys/class/iommu");
  return std::any_of(iommus.begin(), iommus.end(),
                     [](const fs::path& iommu) { return iommu.filename().string().starts_with("dmar"); });
}

bool HasSlot(const std::string& pci_address) {
  for (const fs::path& slot : Entries("/sys/bus/pci/slots")) {
    const auto address = ReadAttribute(slot / "address");  // 0000:03:00
    if (address.ok() && pci_address.starts_with(*address + ".")) return true;
  }
  return false;
}

Status PullOut(const std::string& pci_address) {
  std::error_code error;
  const fs::path port = fs::canonical(kPciDevices + pci_address, error).parent_path();
  const auto services = Entries("/sys/bus/pci_express/drivers/pciehp");
  if (std::ranges::none_of(services, [&](const fs::path& service) {
        return service.filename().string().starts_with(port.filename().string() + ":");
      })) {
    return absl::FailedPreconditionError("the kernel does not manage the disk's slot through PCIe hotplug");
  }
  const UniqueFd config(open((port / "config").c_str(), O_RDWR | O_CLOEXEC));
  const off_t at = config ? ExpressRegister(config.get(), PCI_EXP_SLTCTL) : 0;
  uint16_t control = 0;
  if (at == 0) return absl::FailedPreconditionError((port / "config").string() + ": no PCI Express capability");
  if (pread(config.get(), &control, sizeof control, at) != sizeof control) {
    return absl::ErrnoToStatus(errno, (port / "config").string());
  }
  // QEMU removes the device when the slot's power and its indicator are turned off (pcie_cap_slot_write_config() in
  // hw/pci/pcie.c). The driver must not be notified before the power is on again, because it would conclude that it has
  // already disabled the slot (__pciehp_disable_slot()).
  const auto off =
      static_cast<uint16_t>((control | PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF) & ~PCI_EXP_SLTCTL_HPIE);
  if (pwrite(config.get(), &off, sizeof off, at) != sizeof off ||
      pwrite(config.get(), &control, sizeof control, at) != sizeof control) {
    return absl::ErrnoToStatus(errno, (port / "config").string());
  }
  return absl::OkStatus();
}

}  // namespace lk::agent::iommu_invalidation
