// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <vector>

#include "agent/scenarios/ipi_low_memory/gauge.h"
#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// CPUs that the kernel lets be taken offline, of these.
std::vector<int> RemovableCpus(const std::vector<int>& cpus);

// Takes these CPUs offline and online, one after the other with a pause after each, until the duration is over; all are
// online at the end. Counters: cpu_cycles, cpu_offline_refused, cpu_online_refused.
void ChurnCpus(Context& context, const std::vector<int>& cpus, absl::Duration pause, const UnderPressure& pressure);

}  // namespace lk::agent::ipi_low_memory
