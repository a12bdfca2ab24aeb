// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <vector>

#include "agent/scenarios/ipi_low_memory/gauge.h"
#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// Returns the CPUs that can be taken offline.
std::vector<int> RemovableCpus(const std::vector<int>& cpus);

// Takes these CPUs offline and back online, one after another with a pause after each, until time is up. Leaves all
// CPUs online. Counters: cpu_cycles, cpu_offline_refused, cpu_online_refused.
void ChurnCpus(Context& context, const std::vector<int>& cpus, absl::Duration pause, const UnderPressure& pressure);

}  // namespace lk::agent::ipi_low_memory
