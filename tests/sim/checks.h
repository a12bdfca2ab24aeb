// SPDX-License-Identifier: Apache-2.0
// Checks that must hold for every run, whatever happened to its guest.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/guest.h"

namespace lk::sim {

// The cases that occurred, by group. All cases in kMustBeSeen must occur, since a rule that is never reached is not
// tested.
using Seen = std::map<std::string, std::set<std::string>>;
extern const Seen kMustBeSeen;

// Checks that a finished run with verdict pass has been proven by the controls for its scenario and profile. `stored`
// contains all runs, by id.
void CheckProven(const campaign::Run& run, const campaign::Campaign& campaign,
                 const std::map<std::string, campaign::Run>& stored, Seen& seen);

// `fate` is nullopt if the run has never had a VM.
void CheckRun(const campaign::Run& run, std::optional<Fate> fate, Seen& seen);

}  // namespace lk::sim
