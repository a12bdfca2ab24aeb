// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <vector>

#include "agent/scenarios/ipi_low_memory/caller.h"
#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// Takes these CPUs offline and back online, one after another with a pause after each, until time is up. Leaves all
// CPUs online, except one that does not come back, which takes no further part. Counters: cpu_cycles, and those of
// SwitchCpu.
void ChurnCpus(Context& context, std::vector<int> cpus, absl::Duration pause, Terms& terms);

}  // namespace lk::agent::ipi_low_memory
