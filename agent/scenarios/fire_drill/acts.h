// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "agent/scenarios/trigger.h"

namespace lk::agent::fire_drill {

struct Act {
  const char* name;  // value of the parameter `act`
  // Performs the action. If the action blocks the calling thread, returns only when the blocking ends, or never.
  Result (*run)(Context& context);
  // The file that the action requires, and what is missing in a guest without that file. Null if it requires none.
  const char* file = nullptr;
  const char* lacking = nullptr;
};

// All actions, one for each choice of the parameter.
std::span<const Act> Acts();

// Returns what the kernel whose files are under `root` lacks for an action. Empty if nothing is missing.
std::string Missing(const Act& act, const std::string& root = "");

// Calls `strike` on all of the CPUs as simultaneously as possible. Returns when all calls have returned.
void StrikeOn(const std::vector<int>& cpus, const std::function<void()>& strike);

}  // namespace lk::agent::fire_drill
