// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/churn.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <random>
#include <thread>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/trigger.h"
#include "support/file.h"

namespace lk::agent::iommu_invalidation {
namespace {

// Pause between moves. The flushes must be continuous, but their rate does not matter.
constexpr absl::Duration kMovePause = absl::Milliseconds(1);

void Pause(const Context& context, absl::Duration pause) {
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(pause, context.Left())));
}

}  // namespace

std::vector<unsigned> ParseInterrupts(std::string_view text) {
  std::vector<unsigned> numbers;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    unsigned number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error == std::errc() && end != line.data() + line.size() && *end == ':') numbers.push_back(number);
  }
  return numbers;
}

void ChurnAffinity(Context& context, const std::vector<int>& cpus) {
  const auto interrupts = ReadFile("/proc/interrupts");
  std::vector<unsigned> movable = interrupts.ok() ? ParseInterrupts(*interrupts) : std::vector<unsigned>();
  Recorder& latency = context.NewRecorder("irq_affinity");
  std::minstd_rand random(context.seed());
  context.SetCounter("affinity_changes", 0);
  while (!context.Over() && !movable.empty()) {
    const size_t which = random() % movable.size();
    const int cpu = cpus[random() % cpus.size()];
    const uint64_t start = MonotonicNs();
    const Status moved =
        WriteFile(fmt::format("/proc/irq/{}/smp_affinity_list", movable[which]), fmt::format("{}", cpu));
    if (!moved.ok()) {
      movable.erase(movable.begin() + static_cast<std::ptrdiff_t>(which));
      continue;
    }
    latency.Record(MonotonicNs() - start);
    context.Count("affinity_changes");
    context.SetCounter("interrupts_moved", static_cast<double>(movable.size()));
    Pause(context, kMovePause);
  }
  if (movable.empty()) context.SkipPart("interrupt affinity: the kernel allows no interrupt to be moved");
}

void ChurnDevice(Context& context, const std::string& pci_address, absl::Duration period) {
  context.SetCounter("rebinds_failed", 0);
  const std::string device = "/sys/bus/pci/devices/" + pci_address;
  std::error_code error;
  const std::string driver = std::filesystem::canonical(device + "/driver", error);
  if (error) return context.SkipPart("rebinding: the spare device has no driver");
  Recorder& latency = context.NewRecorder("rebind");
  // Counts a failure to write to a file in sysfs, whose error contains the path.
  const auto check = [&](const Status& status) {
    if (!status.ok()) context.CountFailure("rebinds_failed", MessageOf(status));
    return status.ok();
  };
  while (!context.Over()) {
    const uint64_t start = MonotonicNs();
    if (!check(WriteFile(driver + "/unbind", pci_address))) return;
    // A group's type can be changed while no driver is bound to its devices (Documentation/ABI/testing/
    // sysfs-kernel-iommu_groups).
    const std::string type = device + "/iommu_group/type";
    if (const auto was = ReadAttribute(type); !was.ok()) {
      context.SkipPart("domain changes: " + MessageOf(was.status()));
    } else {
      const Status changed = *was == "identity"
                                 ? absl::FailedPreconditionError("the domain is already of type identity")
                                 : WriteFile(type, "identity");
      if (changed.ok()) {
        if (check(WriteFile(type, *was))) context.Count("domain_changes");
      } else {
        // Old kernels and some IOMMUs cannot do it at all.
        context.SkipPart("domain changes: " + MessageOf(changed));
      }
    }
    if (!check(WriteFile(driver + "/bind", pci_address))) return;
    latency.Record(MonotonicNs() - start);
    context.Count("rebinds");
    context.Progress();
    Pause(context, period);
  }
}

}  // namespace lk::agent::iommu_invalidation
