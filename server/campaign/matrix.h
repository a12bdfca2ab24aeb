// SPDX-License-Identifier: Apache-2.0
// Kernels x profiles x scenarios x repeats.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/guest_timeouts.h"
#include "server/campaign/types.h"

namespace lk::campaign {

// The campaign's runs, in an order that spreads repeats (all cells once, then again), so that a cut campaign still says
// something of every cell. Combinations of a kernel and a profile of different architectures make no run. A run whose
// scenario cannot work there (architecture, release, config symbols, VM) is made as state done, verdict skip, with the
// missing thing named. Mutants come first within each repeat, each as a control of its own scenario alone; with
// positiveControls off they are kernels like any other. `seed` gives each run its own seed; `random_hex(bytes)` gives
// tokens and nonces.
std::vector<Run> Expand(const Campaign& campaign, const std::vector<KernelBuild>& kernels,
                        const Descriptors& descriptors, absl::Time now,
                        const std::function<std::string(size_t)>& random_hex);

// Kernels of which `runs` has none, each with the reason.
std::vector<std::string> WithoutRuns(const CampaignSpec& spec, const std::vector<KernelBuild>& kernels,
                                     const std::vector<Run>& runs);

// A further attempt at a run's cell: new id, fresh evidence, same seed.
Run NextAttempt(const Run& run, absl::Time now, const std::function<std::string(size_t)>& random_hex);

// Why the scenario cannot run there; empty: it can. Config symbols of a kernel whose configuration is not known are
// left to the agent.
std::string WhyNot(const v1::ScenarioDescriptor& descriptor, const KernelBuild& kernel, const Profile& profile);

// The whole kernel command line: console, lk's own, the guest's detectors, the scenario's, the profile's (later wins in
// the kernel). How slow the guest is, and with it the timeouts, is known once a run has its host.
std::string CommandLine(const v1::ScenarioDescriptor& descriptor, const Profile& profile,
                        const GuestTimeouts& timeouts);

}  // namespace lk::campaign
