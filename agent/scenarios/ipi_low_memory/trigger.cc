// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "agent/files.h"
#include "agent/probes/probes.h"
#include "agent/scenarios/ipi_low_memory/ballast.h"
#include "agent/scenarios/ipi_low_memory/cpu_hotplug.h"
#include "agent/scenarios/ipi_low_memory/cross_calls.h"
#include "agent/scenarios/ipi_low_memory/fault_injection.h"
#include "agent/scenarios/ipi_low_memory/gauge.h"
#include "agent/scenarios/ipi_low_memory/mtrr.h"
#include "agent/scenarios/meminfo.h"
#include "agent/scenarios/pinned_threads.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr char kRendezvous[] = "/sys/module/lk_ipi_low_memory/parameters/rendezvous";
constexpr absl::Duration kReporting = absl::Milliseconds(250);

// Cross-CPU calls from all CPUs.
class Calls {
 public:
  Calls(Context& context, const std::vector<int>& cpus, const UnderPressure& pressure)
      : context_(context), cpus_(cpus), pressure_(pressure), made_(cpus.size()) {
    if (!membarrier_.any()) context.SkipPart("membarrier: the kernel does not support its expedited forms");
    if (!CountOnCpu(cpus.front())) {
      perf_ = false;
      context.SkipPart("cross-CPU perf events: the kernel does not support them");
    }
  }

  // Makes calls from one CPU until time is up.
  void CallFrom(size_t index);
  void Report();
  void ReportRatios();

 private:
  Context& context_;
  const std::vector<int>& cpus_;
  const UnderPressure& pressure_;
  const Membarrier membarrier_;
  bool perf_ = true;
  Gauge ipi_{context_, "ipi", pressure_};
  Gauge shootdown_{context_, "shootdown", pressure_};
  Gauge perf_event_{context_, "perf_event", pressure_};
  std::vector<std::atomic<uint64_t>> made_;  // iterations per CPU
};

void Calls::CallFrom(size_t index) {
  MakeThisThreadFail();
  Shootdown shootdown;
  for (size_t turn = index; !context_.Over(); ++turn) {
    // When a CPU goes offline, its threads are moved to other CPUs and do not return on their own.
    if (PinToCpu(cpus_[index])) ++made_[index];
    uint64_t start = MonotonicNs();
    if (membarrier_.any()) {
      membarrier_.Call(turn);
      ipi_.Record(MonotonicNs() - start);
    }
    if (shootdown.Prepare()) {
      start = MonotonicNs();
      shootdown.Call(turn);
      shootdown_.Record(MonotonicNs() - start);
    }
    const int other = cpus_[(index + 1 + turn % (cpus_.size() - 1)) % cpus_.size()];
    start = MonotonicNs();
    if (perf_ && CountOnCpu(other)) perf_event_.Record(MonotonicNs() - start);
    context_.Progress();
  }
}

void Calls::Report() {
  size_t at_work = 0;
  for (size_t i = 0; i < made_.size(); ++i) {
    context_.SetCounter(fmt::format("turns_cpu{}", cpus_[i]), static_cast<double>(made_[i]));
    if (made_[i] > 0) ++at_work;
  }
  context_.SetCounter("cpus_at_work", static_cast<double>(at_work));
}

void Calls::ReportRatios() {
  for (Gauge* const gauge : {&ipi_, &shootdown_, &perf_event_}) gauge->ReportRatio(context_);
}

void ChurnMtrr(Context& context, const Mtrr& mtrr, absl::Duration pause, const UnderPressure& pressure) {
  MakeThisThreadFail();
  Gauge gauge(context, "mtrr", pressure);
  for (bool add = true; !context.Over(); add = !add) {
    const uint64_t start = MonotonicNs();
    const Status changed = add ? mtrr.Add() : mtrr.Delete();
    if (changed.ok()) {
      gauge.Record(MonotonicNs() - start);
      context.Count("mtrr_changes");
      context.Progress();
    } else {
      context.Count("mtrr_refused");
    }
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(pause, context.Left())));
  }
  gauge.ReportRatio(context);
}

// Makes a lab kernel change MTRRs through cross-CPU calls. Does nothing on other kernels.
Status SwitchRendezvousOn(Context& context) {
  if (access(kRendezvous, W_OK) != 0) return absl::OkStatus();
  LK_RETURN_IF_ERROR(WriteFile(kRendezvous, "Y"));
  context.SetEmulated();
  return absl::OkStatus();
}

// Memory pressure, which begins after the phase at rest.
class Pressure {
 public:
  Pressure(Context& context, std::optional<FaultInjection> injection)
      : context_(context), injection_(std::move(injection)) {}

  Status Begin();
  void Report();
  // Whether failures were requested but none occurred.
  bool Missed() const { return injection_ && context_.Integer("injectPercent") > 0 && injection_->Landed() == 0; }

 private:
  Context& context_;
  std::optional<FaultInjection> injection_;
  std::unique_ptr<Ballast> ballast_;
};

Status Pressure::Begin() {
  LK_ASSIGN_OR_RETURN(ballast_, Ballast::Start(context_.Integer("floor")));
  return injection_ ? injection_->SetPercent(context_.Integer("injectPercent")) : absl::OkStatus();
}

void Pressure::Report() {
  const auto available = Meminfo("MemAvailable");
  if (available) context_.SetCounter("available", static_cast<double>(*available), "By");
  if (ballast_) context_.SetCounter("ballast", static_cast<double>(ballast_->held()), "By");
  if (injection_) context_.SetCounter("failures_landed", static_cast<double>(injection_->Landed()));
}

}  // namespace

Result Run(Context& context) {
  const std::vector<int> cpus = UsableCpus();
  if (cpus.size() < 2) return Result::Skip("cross-CPU calls require at least two CPUs");
  context.SetCounter("cpus", static_cast<double>(cpus.size()));
  mlockall(MCL_CURRENT | MCL_ONFAULT);  // keep this program's pages in memory under pressure

  auto injection = FaultInjection::Open();
  if (!injection.ok() && !absl::IsFailedPrecondition(injection.status()))
    return Result::Error(MessageOf(injection.status()));
  if (!injection.ok()) context.SkipPart("fault injection: " + MessageOf(injection.status()));
  std::optional<FaultInjection> used;
  if (injection.ok()) used.emplace(*std::move(injection));
  Pressure pressure(context, std::move(used));

  if (const Status status = SwitchRendezvousOn(context); !status.ok()) return Result::Error(MessageOf(status));
  const auto mtrr = Mtrr::Open();
  if (!mtrr.ok()) context.SkipPart("MTRR: " + MessageOf(mtrr.status()));
  const std::vector<int> removable = context.Bool("cpuHotplug") ? RemovableCpus(cpus) : std::vector<int>();
  if (context.Bool("cpuHotplug") && removable.empty()) context.SkipPart("CPU hotplug: no CPU can be taken offline");

  UnderPressure under_pressure = false;
  Calls calls(context, cpus, under_pressure);
  Status begun;
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([&] { RunPinned(cpus, [&](size_t i) { calls.CallFrom(i); }); });
    if (mtrr.ok()) {
      threads.emplace_back([&] { ChurnMtrr(context, *mtrr, context.Duration("mtrrPause"), under_pressure); });
    }
    if (!removable.empty()) {
      threads.emplace_back([&] { ChurnCpus(context, removable, context.Duration("cpuPause"), under_pressure); });
    }

    context.Activity("cross-CPU calls at rest");
    const absl::Duration rest = context.Left() / 3;
    const absl::Time rest_ends = BootNow() + rest;
    while (!context.Over() && begun.ok()) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(std::min(kReporting, context.Left())));
      pressure.Report();
      calls.Report();
      if (under_pressure || BootNow() < rest_ends) continue;
      context.Activity("cross-CPU calls under memory pressure");
      under_pressure = true;
      begun = pressure.Begin();
    }
    if (!begun.ok()) context.Cancel();
  }
  pressure.Report();
  calls.Report();
  calls.ReportRatios();
  if (!begun.ok()) return Result::Error(MessageOf(begun));
  if (!context.cancelled() && pressure.Missed()) return Result::Error("fault injection never triggered");
  return Result::Ok();
}

}  // namespace lk::agent::ipi_low_memory
