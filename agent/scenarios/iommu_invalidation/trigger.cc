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
#include "agent/scenarios/iommu_invalidation/invalidations.h"
#include "agent/scenarios/iommu_invalidation/queue_latency.h"
#include "agent/scenarios/iommu_invalidation/removal.h"
#include "agent/scenarios/iommu_invalidation/stamps.h"
#include "agent/scenarios/iommu_invalidation/stuck.h"
#include "agent/scenarios/pinned_threads.h"

namespace lk::agent::iommu_invalidation {
namespace {

constexpr char kSubmitTime[] = "/sys/module/lk_iommu_invalidation/parameters/submit_us";
constexpr char kDrains[] = "/sys/module/lk_iommu_invalidation_harness/parameters/drains";
constexpr absl::Duration kReporting = absl::Milliseconds(500);

// The requests of all CPUs.
class AllRequests {
 public:
  explicit AllRequests(const std::vector<int>& cpus) : cpus_(cpus), requests_(cpus.size()), before_(cpus.size()) {}

  Requests& operator[](size_t index) { return requests_[index]; }
  void Report(Context& context) const;
  // Call at the end of a window: each CPU that completed nothing during the window, although it has requests in flight,
  // breaks the invariant.
  void EndWindow(Context& context, absl::Duration window);

 private:
  std::vector<Work> Now() const;

  const std::vector<int>& cpus_;
  std::vector<Requests> requests_;
  std::vector<Work> before_;
};

std::vector<Work> AllRequests::Now() const {
  std::vector<Work> now;
  for (const Requests& requests : requests_) now.push_back(requests.Now());
  return now;
}

void AllRequests::Report(Context& context) const {
  const std::vector<Work> now = Now();
  uint64_t all = 0;
  for (size_t i = 0; i < now.size(); ++i) {
    all += now[i].completed;
    context.SetCounter(fmt::format("requests_cpu{}", cpus_[i]), static_cast<double>(now[i].completed));
  }
  context.SetCounter("requests", static_cast<double>(all));
  context.SetCounter("cpus_at_work",
                     static_cast<double>(std::ranges::count_if(now, [](const Work& w) { return w.completed > 0; })));
}

void AllRequests::EndWindow(Context& context, absl::Duration window) {
  std::vector<Work> now = Now();
  for (const size_t i : Stuck(before_, now)) {
    context.CountLate("stuck_windows",
                      fmt::format("CPU {} completed none of its {} requests within {}, and {} before that", cpus_[i],
                                  now[i].in_flight, absl::FormatDuration(window), now[i].completed),
                      window, window);
  }
  before_ = std::move(now);
}

// Counts and rates of invalidations by type, since construction.
class Queue {
 public:
  Queue(Context& context, const std::vector<int>& cpus) : context_(context), since_(BootNow()) {
    if (!HasIntelIommu()) {
      context.SkipPart("invalidations by type, submission latency: only for VT-d");
      return;
    }
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

// Enables the emulation of a slow VT-d queue if the kernel supports it.
Status SetSubmitTime(Context& context) {
  const absl::Duration time = context.Duration("submitTime");
  if (!HasIntelIommu() || access(kSubmitTime, W_OK) != 0 || time == absl::ZeroDuration()) return absl::OkStatus();
  LK_RETURN_IF_ERROR(WriteFile(kSubmitTime, fmt::format("{}", absl::ToInt64Microseconds(time))));
  context.SetEmulated();
  return absl::OkStatus();
}

// Enables the additional caller if the kernel has it.
Status SetDrains(Context& context) {
  if (!HasIntelIommu() || access(kDrains, W_OK) != 0 || !context.Bool("drains")) return absl::OkStatus();
  LK_RETURN_IF_ERROR(WriteFile(kDrains, "1"));
  context.SetHarness();
  return absl::OkStatus();
}

// Takes the last disk off the list, if at least one remains for I/O.
std::optional<Disk> TakeLast(std::vector<Disk>& disks) {
  if (disks.size() < 2) return {};
  Disk disk = std::move(disks.back());
  disks.pop_back();
  return disk;
}

}  // namespace

Result Run(Context& context) {
  std::vector<Disk> disks = FindDisks();
  if (disks.empty()) {
    return Result::Skip("no unused scratch disk behind an IOMMU (requires iommu in the profile)");
  }
  if (std::ranges::none_of(disks, &Disk::translated)) {
    context.SkipPart("mappings: the IOMMU does not translate the disks' DMA (domain type identity)");
  }
  const std::vector<int> cpus = UsableCpus();
  const absl::Duration window = context.Duration("window");
  const IoShape shape{context.Integer("request") / kSector * kSector, static_cast<unsigned>(context.Integer("depth")),
                      context.Bool("writes"), window};
  const bool remove = context.Text("removal") != "off";
  std::optional<Disk> removable = remove ? TakeLast(disks) : std::nullopt;
  if (remove && !removable) context.SkipPart("removal: no second disk");
  std::optional<Disk> spare = context.Bool("rebind") ? TakeLast(disks) : std::nullopt;
  if (context.Bool("rebind") && !spare) context.SkipPart("rebinding: no second disk");
  context.SetCounter("cpus", static_cast<double>(cpus.size()));
  context.SetCounter("disks", static_cast<double>(disks.size()));
  context.SetCounter("stuck_windows", 0);
  context.SetCounter("requests_failed", 0);

  Queue queue(context, cpus);
  AllRequests requests(cpus);
  if (const Status status = SetSubmitTime(context); !status.ok()) return Result::Error(MessageOf(status));
  if (const Status status = SetDrains(context); !status.ok()) return Result::Error(MessageOf(status));
  context.Activity(fmt::format("direct I/O on {} disks from {} CPUs", disks.size(), cpus.size()));

  absl::Mutex mutex;
  Status failed;
  const auto fail = [&](const Status& status) {
    const absl::MutexLock lock(&mutex);
    failed.Update(status);
  };
  std::atomic<bool> ended = false;
  {
    std::jthread io([&] {
      const std::atomic<bool> removed = false;
      RunPinned(cpus, [&](size_t i) {
        fail(DoDirectIo(context, disks, shape, context.seed() + static_cast<uint32_t>(i), requests[i], removed));
      });
      ended = true;
    });
    std::vector<std::jthread> churn;
    if (context.Bool("affinity")) churn.emplace_back([&] { ChurnAffinity(context, cpus); });
    if (spare) {
      spare->fd.reset();
      churn.emplace_back([&] { ChurnDevice(context, spare->pci_address, context.Duration("rebindPeriod")); });
    }
    if (removable) churn.emplace_back([&] { fail(ChurnDisk(context, *std::move(removable), shape)); });

    absl::Time window_end = BootNow() + window;
    while (!ended && !context.Over()) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(kReporting, context.Left())));
      queue.Report();
      requests.Report(context);
      if (BootNow() < window_end) continue;
      if (!context.Over()) requests.EndWindow(context, window);
      window_end = BootNow() + window;
    }
    // If the I/O has ended early, it has failed, and nothing else is of use.
    if (!context.Over()) context.Cancel();
  }
  queue.Report();
  requests.Report(context);
  if (absl::IsUnimplemented(failed)) return Result::Skip(MessageOf(failed));
  return failed.ok() ? Result::Ok() : Result::Error(MessageOf(failed));
}

}  // namespace lk::agent::iommu_invalidation
