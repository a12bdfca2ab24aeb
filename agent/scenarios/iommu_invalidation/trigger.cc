// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/iommu_invalidation/churn.h"
#include "agent/scenarios/iommu_invalidation/direct_io.h"
#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/scenarios/iommu_invalidation/idle.h"
#include "agent/scenarios/iommu_invalidation/invalidations.h"
#include "agent/scenarios/iommu_invalidation/queue_latency.h"
#include "agent/scenarios/pinned_threads.h"

namespace lk::agent::iommu_invalidation {
namespace {

constexpr char kSubmitTime[] = "/sys/module/lk_iommu_invalidation/parameters/submit_us";
constexpr absl::Duration kReporting = absl::Milliseconds(500);

// The number of requests completed by each CPU.
class Completions {
 public:
  explicit Completions(const std::vector<int>& cpus) : cpus_(cpus), totals_(cpus.size()), before_(cpus.size(), 0) {}

  std::atomic<uint64_t>& operator[](size_t index) { return totals_[index]; }
  void Report(Context& context) const;
  // Call at the end of a window: each CPU that completed nothing during the window breaks the invariant.
  void EndWindow(Context& context, absl::Duration window);

 private:
  std::vector<uint64_t> Totals() const { return {totals_.begin(), totals_.end()}; }

  const std::vector<int>& cpus_;
  std::vector<std::atomic<uint64_t>> totals_;
  std::vector<uint64_t> before_;
};

void Completions::Report(Context& context) const {
  const std::vector<uint64_t> totals = Totals();
  uint64_t all = 0;
  for (size_t i = 0; i < totals.size(); ++i) {
    all += totals[i];
    context.SetCounter(fmt::format("requests_cpu{}", cpus_[i]), static_cast<double>(totals[i]));
  }
  context.SetCounter("requests", static_cast<double>(all));
  context.SetCounter("cpus_at_work", static_cast<double>(std::ranges::count_if(totals, [](auto n) { return n > 0; })));
}

void Completions::EndWindow(Context& context, absl::Duration window) {
  std::vector<uint64_t> totals = Totals();
  for (const size_t i : Idle(before_, totals)) {
    context.Count("stuck_windows");
    context.ReportFinding("invariant", "a CPU completed no I/O",
                          fmt::format("CPU {} completed no requests within {}, and {} before that", cpus_[i],
                                      absl::FormatDuration(window), totals[i]));
  }
  before_ = std::move(totals);
}

// Counts and rates of invalidations by type, since construction.
class Queue {
 public:
  Queue(Context& context, const std::vector<int>& cpus) : context_(context), since_(BootNow()) {
    auto counts = InvalidationCounts::Open(cpus);
    if (counts.ok()) {
      counts_ = *std::move(counts);
    } else {
      context.SkipPart("invalidations by type: " + MessageOf(counts.status()));
    }
    if (const Status status = StartQueueLatency(); !status.ok()) {
      context.SkipPart("submission latency: " + MessageOf(status));
    }
  }

  void Report() {
    if (counts_) {
      const double seconds = absl::ToDoubleSeconds(BootNow() - since_);
      const auto totals = counts_->Read();
      for (size_t i = 0; i < kTypes.size(); ++i) {
        const std::string name(kTypes[i].counter);
        context_.SetCounter(name, static_cast<double>(totals[i]));
        context_.SetCounter(name + "_rate", static_cast<double>(totals[i]) / seconds, "1/s");
      }
    }
    for (const QueueLatency& row : ReadQueueLatency()) {
      context_.RaiseCounter(row.type + "_submit_max", static_cast<double>(row.max_us) / 1e6, "s");
      context_.SetCounter(row.type + "_submit_average", static_cast<double>(row.average_us) / 1e6, "s");
    }
  }

 private:
  Context& context_;
  const absl::Time since_;
  std::optional<InvalidationCounts> counts_;
};

// Enables the emulation of a slow queue if the kernel supports it.
Status SetSubmitTime(Context& context) {
  const absl::Duration time = context.Duration("submitTime");
  if (access(kSubmitTime, W_OK) != 0 || time == absl::ZeroDuration()) return absl::OkStatus();
  LK_RETURN_IF_ERROR(WriteFile(kSubmitTime, fmt::format("{}", absl::ToInt64Microseconds(time))));
  context.SetEmulated();
  return absl::OkStatus();
}

// Removes the last disk to serve as the spare device, if at least one remains for I/O. Returns its PCI address.
std::optional<std::string> TakeSpare(std::vector<Disk>& disks) {
  if (disks.size() < 2) return {};
  std::string address = std::move(disks.back().pci_address);
  disks.pop_back();
  return address;
}

}  // namespace

Result Run(Context& context) {
  if (!HasIntelIommu())
    return Result::Skip("the guest does not use an Intel IOMMU (requires iommu: intel and intel_iommu=on)");
  std::vector<Disk> disks = FindDisks();
  if (disks.empty()) return Result::Skip("no unused virtio disk behind the IOMMU");
  const std::vector<int> cpus = UsableCpus();
  const IoShape shape{context.Integer("request") / 512 * 512, static_cast<unsigned>(context.Integer("depth")),
                      context.Bool("writes")};
  const absl::Duration window = context.Duration("window");
  const std::optional<std::string> spare = context.Bool("rebind") ? TakeSpare(disks) : std::nullopt;
  if (context.Bool("rebind") && !spare) context.SkipPart("rebinding: no second disk");
  context.SetCounter("cpus", static_cast<double>(cpus.size()));
  context.SetCounter("disks", static_cast<double>(disks.size()));
  context.SetCounter("stuck_windows", 0);

  Queue queue(context, cpus);
  Completions completions(cpus);
  if (const Status status = SetSubmitTime(context); !status.ok()) return Result::Error(MessageOf(status));
  context.Activity(fmt::format("direct I/O on {} disks from {} CPUs", disks.size(), cpus.size()));

  absl::Mutex mutex;
  Status failed;
  std::atomic<bool> ended = false;
  {
    std::jthread io([&] {
      RunPinned(cpus, [&](size_t i) {
        const Status status =
            DoDirectIo(context, disks, shape, context.seed() + static_cast<uint32_t>(i), completions[i]);
        const absl::MutexLock lock(&mutex);
        failed.Update(status);
      });
      ended = true;
    });
    std::vector<std::jthread> churn;
    if (context.Bool("affinity")) churn.emplace_back([&] { ChurnAffinity(context, cpus); });
    if (spare) churn.emplace_back([&] { ChurnDevice(context, *spare, context.Duration("rebindPeriod")); });

    absl::Time window_end = BootNow() + window;
    while (!ended && !context.Over()) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(kReporting, context.Left())));
      queue.Report();
      completions.Report(context);
      if (BootNow() < window_end) continue;
      if (!context.Over()) completions.EndWindow(context, window);
      window_end += window;
    }
  }
  queue.Report();
  completions.Report(context);
  if (absl::IsUnimplemented(failed)) return Result::Skip(MessageOf(failed));
  return failed.ok() ? Result::Ok() : Result::Error(MessageOf(failed));
}

}  // namespace lk::agent::iommu_invalidation
