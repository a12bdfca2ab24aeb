// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/trigger.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "agent/probes/probes.h"

namespace lk::agent::baseline {
namespace {

constexpr absl::Duration kSlice = absl::Milliseconds(500);

struct Probe {
  std::string name;
  // Runs until the given CLOCK_MONOTONIC time.
  std::function<Status(uint64_t until)> run;
};

// Counts every recorded latency as an operation.
RecordNs RecordInto(Context& context, const std::string& probe) {
  Recorder& recorder = context.NewRecorder(probe);
  return [&recorder, &context](uint64_t ns) {
    recorder.Record(ns);
    context.Progress();
  };
}

// Calls `run` for all CPUs simultaneously. Returns the first error, if any.
Status RunOnEach(const std::vector<int>& cpus, const std::function<Status(size_t index)>& run) {
  std::vector<Status> statuses(cpus.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < cpus.size(); ++i) threads.emplace_back([&, i] { statuses[i] = run(i); });
  }
  const auto bad = std::find_if(statuses.begin(), statuses.end(), [](const Status& s) { return !s.ok(); });
  return bad == statuses.end() ? absl::OkStatus() : *bad;
}

std::vector<Probe> MakeProbes(Context& context, const std::vector<int>& cpus) {
  const absl::Duration period = context.Duration("period");
  std::vector<RecordNs> wakeup;
  for (size_t i = 0; i < cpus.size(); ++i) wakeup.push_back(RecordInto(context, "timer_wakeup"));
  return {
      {"timer_wakeup",
       [=](uint64_t until) {
         return RunOnEach(cpus, [&](size_t i) { return ProbeTimerWakeup(cpus[i], period, until, wakeup[i]); });
       }},
      {"ipi_roundtrip", [=, record = RecordInto(context, "ipi_roundtrip")](
                            uint64_t until) { return ProbeIpiRoundTrip(cpus, period, until, record); }},
      {"page_fault", [=, record = RecordInto(context, "page_fault")](
                         uint64_t until) { return ProbePageFault(cpus[0], until, record); }},
      {"sched_wakeup", [=, record = RecordInto(context, "sched_wakeup")](
                           uint64_t until) { return ProbeSchedWakeup(cpus.front(), cpus.back(), until, record); }},
  };
}

}  // namespace

Result Run(Context& context) {
  const std::vector<int> cpus = UsableCpus();
  const std::string& chosen = context.Text("probe");
  std::vector<Probe> probes = MakeProbes(context, cpus);
  std::erase_if(probes, [&](const Probe& probe) { return chosen != "all" && chosen != probe.name; });

  while (!context.Over() && !probes.empty()) {
    for (auto probe = probes.begin(); probe != probes.end() && !context.Over();) {
      context.Activity(probe->name);
      const absl::Duration slice = std::min(kSlice, context.Left());
      const auto until = MonotonicNs() + static_cast<uint64_t>(absl::ToInt64Nanoseconds(slice));
      // Probes bind their thread to a CPU, so run each in a new thread.
      Status status;
      std::jthread([&] { status = probe->run(until); }).join();
      if (status.ok()) {
        ++probe;
        continue;
      }
      context.SkipPart(fmt::format("{}: {}", probe->name, std::string(status.message())));
      probe = probes.erase(probe);
    }
  }
  if (context.operations() == 0) return Result::Skip("none of the selected probes can run in this guest");
  return Result::Ok();
}

}  // namespace lk::agent::baseline
