// SPDX-License-Identifier: Apache-2.0
// What must hold of every run, whatever befell its guest.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/guest.h"

namespace lk::sim {

// What was come across, by group: a rule that is never reached is not tested.
using Seen = std::map<std::string, std::set<std::string>>;
extern const Seen kMustBeSeen;

// A pass that is stored as done is proven by the controls of its scenario and profile. `stored`: all runs, by id.
void CheckProven(const campaign::Run& run, const campaign::Campaign& campaign,
                 const std::map<std::string, campaign::Run>& stored, Seen& seen);

// `fate`: none where the run never got a VM.
void CheckRun(const campaign::Run& run, std::optional<Fate> fate, Seen& seen);

}  // namespace lk::sim
