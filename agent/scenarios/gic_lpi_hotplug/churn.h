// SPDX-License-Identifier: Apache-2.0
// Takes CPUs offline and back online.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::gic_lpi_hotplug {

// Groups of CPUs for one round. The CPUs of a group go offline together and come back together, one group after
// another.
using Round = std::vector<std::vector<int>>;
// `pattern` is one (one CPU at a time), pairs (each with its neighbour), all (together), random (a random subset) or
// mixed (these in turn).
Round MakeRound(std::string_view pattern, uint64_t round, const std::vector<int>& cpus, std::mt19937& random);

// Runs rounds until time is up, `enough` returns true or no CPU is left. `enough` is called before each group, when all
// CPUs are online, with the number of attempts so far to take a CPU offline or bring it back online. Removes CPUs that
// do not come back online from `cpus`, and returns the number of attempts. Probes: cpu_offline, cpu_online. Counters:
// cpu_transitions, and those of SwitchCpu.
uint64_t Churn(Context& context, std::vector<int>& cpus, const std::function<bool(uint64_t attempts)>& enough);

// Brings CPUs online, all at the same time, and returns those that are. Probes and counters as above.
std::vector<int> BringUp(Context& context, const std::vector<int>& cpus);

// While it exists, takes the CPUs offline and back online, one after another, without counting anything.
class Unrest {
 public:
  explicit Unrest(std::vector<int> cpus);

 private:
  std::jthread thread_;
};

}  // namespace lk::agent::gic_lpi_hotplug
