// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/trigger.h"

namespace lk::agent::iommu_invalidation {
namespace {

// The last removal begins this long before time is up. Where PCIe hotplug asks the guest, the guest waits 5 s, so that
// an operator can change their mind (drivers/pci/hotplug/pciehp_ctrl.c).
constexpr absl::Duration kMargin = absl::Seconds(7);
constexpr absl::Duration kPoll = absl::Milliseconds(50);

std::optional<Disk> AwaitDisk(unsigned number, absl::Duration patience) {
  const absl::Time give_up = BootNow() + patience;
  std::optional<Disk> disk;
  while (!(disk = FindDisk(number)) && BootNow() < give_up) {
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(kPoll));
  }
  return disk;
}

}  // namespace

Status ChurnDisk(Context& context, Disk disk, const IoShape& shape) {
  const bool surprise = context.Text("removal") == "surprise";
  const absl::Duration period = context.Duration("removalPeriod");
  context.SetCounter("disks_lost", 0);
  if (!HasSlot(disk.pci_address)) {
    context.SkipPart("removal: the kernel cannot hot-plug the disk (HOTPLUG_PCI_ACPI, HOTPLUG_PCI_PCIE)");
    return absl::OkStatus();
  }
  Recorder& latency = context.NewRecorder("replug");
  bool first = true;
  while (context.Left() > period + kMargin) {
    std::atomic<bool> removed = false;
    Requests requests;
    Status io_status;
    StatusOr<HostActionDone> replugged = absl::UnknownError("");
    uint64_t start = 0;
    {
      std::jthread io([&] {
        io_status = DoDirectIo(context, {&disk, 1}, shape, context.seed() + disk.number, requests, removed);
        // Counted now, because the run may be cancelled before the host replies.
        if (const unsigned left = requests.in_flight; removed && left > 0) {
          context.CountLate("disks_lost",
                            fmt::format("{}: {} requests did not end within {} of its removal", disk.name, left,
                                        absl::FormatDuration(shape.patience)),
                            shape.patience, shape.patience);
        }
      });
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(period));
      removed = true;
      start = MonotonicNs();
      if (surprise) {
        if (const Status status = PullOut(disk.pci_address); !status.ok()) {
          removed = false;
          context.SkipPart("surprise removal: " + MessageOf(status));
          return absl::OkStatus();
        }
      }
      replugged = context.ReplugDisk(disk.number, kReleaseTimeout);
    }
    context.Count("requests_removed", static_cast<double>(requests.completed));
    if (absl::IsCancelled(replugged.status())) {
      if (first) context.SkipPart("removal: the host did not reply before the run had to end");
      return absl::OkStatus();
    }
    LK_RETURN_IF_ERROR(io_status);
    if (requests.in_flight > 0) return absl::OkStatus();
    if (!replugged.ok() && first && !absl::IsDeadlineExceeded(replugged.status())) {
      // Whether a VM can remove a disk depends on QEMU, its IOMMU and the kernel.
      context.SkipPart("removal: " + MessageOf(replugged.status()));
      return absl::OkStatus();
    }
    LK_RETURN_IF_ERROR(replugged.status());
    first = false;
    disk.fd.reset();
    // Where ACPI attaches the disk, PCIe hotplug is not notified.
    if (surprise) LK_RETURN_IF_ERROR(WriteFile("/sys/bus/pci/rescan", "1"));
    auto back = AwaitDisk(disk.number, shape.patience);
    if (!back) {
      context.CountLate(
          "disks_lost",
          fmt::format("{} did not appear within {} of being attached", disk.name, absl::FormatDuration(shape.patience)),
          shape.patience, shape.patience);
      return absl::OkStatus();
    }
    latency.Record(MonotonicNs() - start);
    context.Count("removals");
    disk = *std::move(back);
  }
  return absl::OkStatus();
}

}  // namespace lk::agent::iommu_invalidation
