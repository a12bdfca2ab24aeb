// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/cpu_hotplug.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "agent/files.h"
#include "agent/probes/probes.h"

namespace lk::agent::ipi_low_memory {
namespace {

// Under memory pressure, bringing a CPU online may fail at first.
constexpr int kTries = 100;
constexpr absl::Duration kRetry = absl::Milliseconds(50);

// Documentation/core-api/cpu_hotplug.rst.
std::string OnlineFile(int cpu) {
  return fmt::format("/sys/devices/system/cpu/cpu{}/online", cpu);
}

void Sleep(absl::Duration pause) {
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause));
}

}  // namespace

std::vector<int> RemovableCpus(const std::vector<int>& cpus) {
  std::vector<int> removable;
  std::copy_if(cpus.begin(), cpus.end(), std::back_inserter(removable),
               [](int cpu) { return access(OnlineFile(cpu).c_str(), W_OK) == 0; });
  return removable;
}

void ChurnCpus(Context& context, const std::vector<int>& cpus, absl::Duration pause, const UnderPressure& pressure) {
  Gauge offline(context, "cpu_offline", pressure), online(context, "cpu_online", pressure);
  for (size_t turn = 0; !context.Over(); ++turn) {
    const std::string file = OnlineFile(cpus[turn % cpus.size()]);
    const uint64_t start = MonotonicNs();
    if (!WriteFile(file, "0").ok()) {
      context.Count("cpu_offline_refused");
      Sleep(std::min(pause, context.Left()));
      continue;
    }
    offline.Record(MonotonicNs() - start);
    for (int tries = 0; tries < kTries; ++tries) {
      const uint64_t again = MonotonicNs();
      if (WriteFile(file, "1").ok()) {
        online.Record(MonotonicNs() - again);
        break;
      }
      context.Count("cpu_online_refused");
      Sleep(kRetry);
    }
    context.Count("cpu_cycles");
    context.Progress();
    Sleep(std::min(pause, context.Left()));
  }
  offline.ReportRatio(context);
  online.ReportRatio(context);
}

}  // namespace lk::agent::ipi_low_memory
