// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/cpu_hotplug.h"

#include <algorithm>
#include <thread>

#include "agent/scenarios/cpus.h"

namespace lk::agent::ipi_low_memory {
namespace {

void Sleep(absl::Duration pause) {
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause));
}

}  // namespace

void ChurnCpus(Context& context, std::vector<int> cpus, absl::Duration pause, Terms& terms) {
  Gauge offline(context, "cpu_offline", terms.pressure), online(context, "cpu_online", terms.pressure);
  Caller caller(context, terms);
  const auto switched = [&](Gauge& gauge, int cpu, bool on) {
    bool done = false;
    caller.WithFailure(gauge, [&] {
      const auto took = SwitchCpu(context, cpu, on);
      done = took.ok();
      if (done) gauge.Record(*took);
    });
    return done;
  };
  for (size_t turn = 0; !context.Over() && !cpus.empty(); ++turn) {
    const auto cpu = cpus.begin() + static_cast<std::ptrdiff_t>(turn % cpus.size());
    if (switched(offline, *cpu, false)) {
      if (switched(online, *cpu, true)) {
        context.Count("cpu_cycles");
      } else {
        cpus.erase(cpu);
      }
    }
    context.Progress();
    Sleep(std::min(pause, context.Left()));
  }
  offline.ReportRatio(context);
  online.ReportRatio(context);
}

}  // namespace lk::agent::ipi_low_memory
