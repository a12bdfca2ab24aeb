// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "agent/scenarios/trigger.h"

namespace lk::agent::fire_drill {

struct Act {
  const char* name;  // as the parameter `act` has it
  // Does it. Does not return, or not before what it started ends, where the act holds the trigger.
  Result (*run)(Context& context);
  // The file that the act works through, and what a kernel without it lacks; null: it needs nothing.
  const char* file = nullptr;
  const char* lacking = nullptr;
};

// All acts, one for each choice of the parameter.
std::span<const Act> Acts();

// What a kernel whose files are below `root` lacks for an act; empty: nothing.
std::string Missing(const Act& act, const std::string& root = "");

// Calls `strike` on each of the CPUs, as close to the same instant as can be, and returns when all calls did.
void StrikeOn(const std::vector<int>& cpus, const std::function<void()>& strike);

}  // namespace lk::agent::fire_drill
