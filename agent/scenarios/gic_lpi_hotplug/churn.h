// SPDX-License-Identifier: Apache-2.0
// Taking CPUs offline and online again.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::gic_lpi_hotplug {

// All CPUs that are there, and those of them that can be taken offline (/sys/devices/system/cpu).
std::vector<int> PresentCpus();
std::vector<int> SecondaryCpus();
// "0-3,5" (Documentation/admin-guide/cputopology.rst).
std::vector<int> ParseCpuList(std::string_view text);

// What goes offline, and comes back, in one round: groups of CPUs, each at once, one group after the other.
using Round = std::vector<std::vector<int>>;
// `pattern`: one (each by itself), pairs (each with its neighbour), all (at once), random (some of them, once);
// mixed: these in turn.
Round MakeRound(std::string_view pattern, uint64_t round, const std::vector<int>& cpus, std::mt19937& random);

// Rounds until the trigger's end or `enough`, which is asked after each group; all CPUs are online then. `transitions`
// is what was done in this boot so far. Probes: cpu_offline, cpu_online; counters: cpu_transitions,
// cpu_offline_refused, cpu_online_refused.
void Churn(Context& context, const std::vector<int>& cpus, const std::function<bool(uint64_t transitions)>& enough);

}  // namespace lk::agent::gic_lpi_hotplug
