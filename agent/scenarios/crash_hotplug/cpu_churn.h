// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/synchronization/mutex.h>

#include <thread>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::crash_hotplug {

// Takes these CPUs (at least one) offline and back online, one after another, until it is stopped or a CPU does not
// come back. Holds `kexec_users` shared meanwhile (see Swarm). Counters: cpu_cycles, and those of SwitchCpu. Probes:
// cpu_offline, cpu_online.
void ChurnCpus(Context& context, const std::vector<int>& cpus, absl::Mutex& kexec_users, const std::stop_token& stop);

}  // namespace lk::agent::crash_hotplug
