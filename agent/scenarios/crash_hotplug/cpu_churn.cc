// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/cpu_churn.h"

#include <chrono>
#include <cstddef>

#include "agent/scenarios/cpus.h"

namespace lk::agent::crash_hotplug {
namespace {

// Lets others take the locks that CPU hotplug holds.
constexpr std::chrono::milliseconds kPause{20};

}  // namespace

void ChurnCpus(Context& context, const std::vector<int>& cpus, absl::Mutex& kexec_users, const std::stop_token& stop) {
  Recorder& offline = context.NewRecorder("cpu_offline");
  Recorder& online = context.NewRecorder("cpu_online");
  for (size_t turn = 0; !stop.stop_requested(); ++turn) {
    std::this_thread::sleep_for(kPause);
    const int cpu = cpus[turn % cpus.size()];
    absl::ReaderMutexLock user(&kexec_users);
    const auto down = SwitchCpu(context, cpu, false);
    if (!down.ok()) continue;
    offline.Record(*down);
    const auto up = SwitchCpu(context, cpu, true);
    if (!up.ok()) return;
    online.Record(*up);
    context.Count("cpu_cycles");
  }
}

}  // namespace lk::agent::crash_hotplug
