// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/cpus.h"
#include "agent/scenarios/ipi_low_memory/ballast.h"
#include "agent/scenarios/ipi_low_memory/caller.h"
#include "agent/scenarios/ipi_low_memory/cpu_hotplug.h"
#include "agent/scenarios/ipi_low_memory/cross_calls.h"
#include "agent/scenarios/ipi_low_memory/fault_injection.h"
#include "agent/scenarios/ipi_low_memory/gauge.h"
#include "agent/scenarios/ipi_low_memory/mtrr.h"
#include "agent/scenarios/meminfo.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr char kRendezvous[] = "/sys/module/lk_ipi_low_memory/parameters/rendezvous";
constexpr absl::Duration kReporting = absl::Milliseconds(250);
constexpr absl::Duration kShrinkPause = absl::Milliseconds(10);

// Cross-CPU calls from all CPUs.
class Calls {
 public:
  Calls(Context& context, const std::vector<int>& cpus, Terms& terms)
      : context_(context), cpus_(cpus), terms_(terms), turns_(cpus.size()), before_(cpus.size()) {
    if (!membarrier_.any()) context.SkipPart("membarrier: the kernel does not support its expedited forms");
    if (const int error = CountOnCpu(cpus.front()); error != 0) {
      perf_ = false;
      context.SkipPart(fmt::format("cross-CPU perf events: {}", strerror(error)));
    }
  }

  // Makes calls from one CPU, whenever it is online, until time is up.
  void CallFrom(size_t index);
  void Report();
  // Call at the end of a window: each CPU that completed no turn during the window breaks the invariant.
  void EndWindow(absl::Duration window);
  void ReportRatios();

 private:
  Context& context_;
  const std::vector<int>& cpus_;
  Terms& terms_;
  const Membarrier membarrier_;
  bool perf_ = true;
  Gauge ipi_{context_, "ipi", terms_.pressure};
  Gauge shootdown_{context_, "shootdown", terms_.pressure};
  Gauge perf_event_{context_, "perf_event", terms_.pressure};
  std::vector<std::atomic<uint64_t>> turns_;  // of each CPU
  std::vector<uint64_t> before_;              // at the end of the last window
};

void Calls::CallFrom(size_t index) {
  Caller caller(context_, terms_);
  Mapping mapping;
  for (size_t turn = index; !context_.Over(); ++turn) {
    // When a CPU goes offline, its threads are moved to other CPUs and do not return on their own.
    const bool there = PinToCpu(cpus_[index]);
    if (membarrier_.any()) caller.Make(ipi_, "membarrier", [&] { return membarrier_.Call(turn); });
    if (mapping.mapped()) {
      caller.Make(shootdown_, "munmap", [&] { return mapping.Unmap(); });
    } else if (mapping.Map()) {
      caller.Make(shootdown_, "mprotect", [&] { return mapping.Protect(); });
    }
    const int other = cpus_[(index + 1 + turn % (cpus_.size() - 1)) % cpus_.size()];
    if (perf_) caller.Make(perf_event_, "perf_event_open", [&] { return CountOnCpu(other); });
    if (there) ++turns_[index];
    context_.Progress();
  }
}

void Calls::Report() {
  size_t at_work = 0;
  for (size_t i = 0; i < turns_.size(); ++i) {
    context_.SetCounter(fmt::format("turns_cpu{}", cpus_[i]), static_cast<double>(turns_[i]));
    if (turns_[i] > 0) ++at_work;
  }
  context_.SetCounter("cpus_at_work", static_cast<double>(at_work));
}

void Calls::EndWindow(absl::Duration window) {
  for (size_t i = 0; i < turns_.size(); ++i) {
    const uint64_t turns = turns_[i];
    if (turns == before_[i]) {
      context_.CountLate("stuck_windows",
                         fmt::format("CPU {} completed no turn of calls within {}, and {} before that", cpus_[i],
                                     absl::FormatDuration(window), turns),
                         window, window);
    }
    before_[i] = turns;
  }
}

void Calls::ReportRatios() {
  for (Gauge* const gauge : {&ipi_, &shootdown_, &perf_event_}) gauge->ReportRatio(context_);
}

void ChurnMtrr(Context& context, const Mtrr& mtrr, absl::Duration pause, Terms& terms) {
  Gauge gauge(context, "mtrr", terms.pressure);
  Caller caller(context, terms);
  while (!context.Over()) {
    const bool added = caller.Make(gauge, "adding an MTRR", [&] { return mtrr.Add(); });
    const bool deleted = added && caller.Make(gauge, "deleting an MTRR", [&] { return mtrr.Delete(); });
    context.Count("mtrr_changes", added + deleted);
    context.Progress();
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(pause, context.Left())));
  }
  gauge.ReportRatio(context);
}

void ShrinkSlabs(Context& context, const SlabCaches& caches, Terms& terms) {
  Gauge gauge(context, "slab_shrink", terms.pressure);
  Caller caller(context, terms);
  for (size_t turn = 0; !context.Over(); ++turn) {
    const bool shrunk = caller.Make(gauge, "shrinking a slab cache", [&] { return caches.Shrink(turn); });
    context.Count("slab_shrinks", shrunk);
    context.Progress();
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(kShrinkPause, context.Left())));
  }
  gauge.ReportRatio(context);
}

// Makes a lab kernel change MTRRs through cross-CPU calls. Does nothing on other kernels.
Status SwitchRendezvousOn(Context& context) {
  if (access(kRendezvous, W_OK) != 0) return absl::OkStatus();
  LK_RETURN_IF_ERROR(WriteFile(kRendezvous, "Y"));
  context.SetHarness();
  return absl::OkStatus();
}

}  // namespace

Result Run(Context& context) {
  const std::vector<int> cpus = UsableCpus();
  if (cpus.size() < 2) return Result::Skip("cross-CPU calls require at least two CPUs");
  context.SetCounter("cpus", static_cast<double>(cpus.size()));
  for (const char* counter : {"calls_slow", "calls_refused", "stuck_windows", "cpus_left_offline"}) {
    context.SetCounter(counter, 0);
  }
  // Keeps this program's pages in memory under pressure.
  if (mlockall(MCL_CURRENT | MCL_ONFAULT) != 0) {
    return Result::Error(fmt::format("cannot lock this program's memory: {}", strerror(errno)));
  }

  const uint64_t percent = context.Integer("injectPercent");
  const Status injection = PrepareFaultInjection();
  if (absl::IsFailedPrecondition(injection)) {
    context.SkipPart("fault injection: " + MessageOf(injection));
  } else if (!injection.ok()) {
    return Result::Error(MessageOf(injection));
  }
  const bool inject = injection.ok() && percent > 0;

  if (const Status status = SwitchRendezvousOn(context); !status.ok()) return Result::Error(MessageOf(status));
  const auto mtrr = Mtrr::Open();
  if (!mtrr.ok()) context.SkipPart("MTRR: " + MessageOf(mtrr.status()));
  const SlabCaches slabs;
  if (!slabs.any()) context.SkipPart("shrinking slab caches: the kernel has no /sys/kernel/slab (requires SLUB)");
  const std::vector<int> removable = context.Bool("cpuHotplug") ? HotpluggableCpus() : std::vector<int>();
  if (context.Bool("cpuHotplug") && removable.empty()) context.SkipPart("CPU hotplug: no CPU can be taken offline");

  Terms terms{.limit = context.Duration("callLimit"), .inject_percent = inject ? percent : 0};
  const absl::Duration window = context.Duration("window");
  Calls calls(context, cpus, terms);
  StatusOr<std::unique_ptr<Ballast>> ballast = nullptr;
  const auto report = [&] {
    calls.Report();
    if (inject) context.SetCounter("failures_landed", static_cast<double>(terms.failures_landed));
    if (const auto available = Meminfo("MemAvailable")) {
      context.SetCounter("available", static_cast<double>(*available), "By");
    }
    if (ballast.ok() && *ballast) context.SetCounter("ballast", static_cast<double>((*ballast)->held()), "By");
  };
  {
    std::vector<std::jthread> threads;
    // RunPinned would leave out a CPU that is offline at that moment.
    for (size_t i = 0; i < cpus.size(); ++i) threads.emplace_back([&calls, i] { calls.CallFrom(i); });
    if (mtrr.ok()) threads.emplace_back([&] { ChurnMtrr(context, *mtrr, context.Duration("mtrrPause"), terms); });
    if (slabs.any()) threads.emplace_back([&] { ShrinkSlabs(context, slabs, terms); });
    if (!removable.empty()) {
      threads.emplace_back([&] { ChurnCpus(context, removable, context.Duration("cpuPause"), terms); });
    }

    context.Activity("cross-CPU calls with enough memory");
    const absl::Time pressure_begins = BootNow() + context.Left() / 3;
    absl::Time window_ends = BootNow() + window;
    while (!context.Over() && ballast.ok()) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(kReporting, context.Left())));
      report();
      if (BootNow() >= window_ends && !context.Over()) {
        calls.EndWindow(window);
        window_ends = BootNow() + window;
      }
      if (terms.pressure || BootNow() < pressure_begins) continue;
      context.Activity("cross-CPU calls under memory pressure");
      ballast = Ballast::Start(context.Integer("floor"));
      terms.pressure = true;
    }
    if (!ballast.ok()) context.Cancel();
  }
  report();
  calls.ReportRatios();
  if (!ballast.ok()) return Result::Error(MessageOf(ballast.status()));
  if (inject && !context.cancelled() && terms.failures_landed == 0) {
    return Result::Error("fault injection never triggered");
  }
  return Result::Ok();
}

}  // namespace lk::agent::ipi_low_memory
