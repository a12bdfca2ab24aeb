// SPDX-License-Identifier: Apache-2.0
// The guest's CPUs, and taking them offline and online.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent {

// Parses a list such as "0-3,5" (Documentation/admin-guide/cputopology.rst).
std::vector<int> ParseCpuList(std::string_view text);

// All present CPUs (/sys/devices/system/cpu).
std::vector<int> PresentCpus();
// The CPUs that are online.
std::vector<int> OnlineCpus();
// The present CPUs that can be taken offline, without CPU 0: other CPUs depend on it, although on arm64 it may have an
// `online` file, too.
std::vector<int> HotpluggableCpus();

// Tries once to take a CPU offline or bring it online, and counts nothing. Errors: those of write(2).
Status WriteOnline(int cpu, bool online);
// Takes a CPU offline or brings it online. Returns how long the kernel took, in nanoseconds. While the kernel refuses
// to bring the CPU online (another CPU is in transition, an allocation failed), tries again up to 14 times, over at
// least 5 s. Counts refused attempts as cpu_offline_refused and cpu_online_refused, and a CPU that stays offline as
// cpus_left_offline. Errors: those of write(2).
StatusOr<uint64_t> SwitchCpu(Context& context, int cpu, bool online);

}  // namespace lk::agent
