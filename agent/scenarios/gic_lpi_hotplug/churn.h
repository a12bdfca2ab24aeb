// SPDX-License-Identifier: Apache-2.0
// Takes CPUs offline and back online.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::gic_lpi_hotplug {

// All present CPUs (/sys/devices/system/cpu).
std::vector<int> PresentCpus();
// The present CPUs that can be taken offline, without CPU 0.
std::vector<int> SecondaryCpus();
// Parses a list such as "0-3,5" (Documentation/admin-guide/cputopology.rst).
std::vector<int> ParseCpuList(std::string_view text);

// Groups of CPUs for one round. The CPUs of a group go offline together and come back together, one group after
// another.
using Round = std::vector<std::vector<int>>;
// `pattern` is one (one CPU at a time), pairs (each with its neighbour), all (together), random (a random subset) or
// mixed (these in turn).
Round MakeRound(std::string_view pattern, uint64_t round, const std::vector<int>& cpus, std::mt19937& random);

// Runs rounds until time is up or `enough` returns true. `enough` is called before each group, when all CPUs are
// online, with the number of transitions in this boot so far. Probes: cpu_offline, cpu_online. Counters:
// cpu_transitions, cpu_offline_refused, cpu_online_refused.
void Churn(Context& context, const std::vector<int>& cpus, const std::function<bool(uint64_t transitions)>& enough);

}  // namespace lk::agent::gic_lpi_hotplug
