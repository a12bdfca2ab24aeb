// SPDX-License-Identifier: Apache-2.0
// The matrix of a campaign: kernels x profiles x scenarios x repeats.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/guest_timeouts.h"
#include "server/campaign/types.h"

namespace lk::campaign {

// The campaign's runs: each combination of kernel, profile and scenario once, then each again for the next repeat, so
// that a campaign that is cancelled halfway still says something about every combination. A kernel and a profile with
// different architectures get no run. If the scenario cannot run on the kernel and profile (architecture, release,
// config symbols, VM), the run is created in state done with verdict skip and a reason that names what is missing; if
// the kernel cannot be booted, with verdict miss.
// Within each repeat, mutants come first, each only as a control of its own scenario; with positiveControls off they
// are treated like any other kernel. Unless the spec sets a seed for all runs, each run's seed is derived from the
// campaign's seed. `random_hex(bytes)` makes tokens and nonces.
std::vector<Run> Expand(const Campaign& campaign, const std::vector<KernelBuild>& kernels,
                        const Descriptors& descriptors, absl::Time now,
                        const std::function<std::string(size_t)>& random_hex);

// One message for each kernel that has none of `runs`, and for each mutant whose controls will prove nothing, with the
// reason.
std::vector<std::string> NotesOn(const CampaignSpec& spec, const std::vector<KernelBuild>& kernels,
                                 const std::vector<Run>& runs);

// The next attempt at a run: new id, no evidence, same seed.
Run NextAttempt(const Run& run, absl::Time now, const std::function<std::string(size_t)>& random_hex);

// Why the scenario cannot run on this kernel with this profile, or empty if it can. If the kernel's configuration is
// unknown, checking the config symbols is left to the agent.
std::string WhyNot(const v1::ScenarioDescriptor& descriptor, const KernelBuild& kernel, const Profile& profile);

// Why lk cannot boot the kernel at all, or empty if it may: the initramfs, which is not compressed, needs
// CONFIG_BLK_DEV_INITRD.
std::string WhyUnbootable(const KernelBuild& kernel);

// The whole kernel command line: console, lk's own arguments, the timeouts of the guest's detectors, the scenario's
// arguments and the profile's. If an argument other than console= is repeated, the last one counts. The timeouts depend
// on how slow the guest is, which is known only once a run has a host.
std::string CommandLine(const v1::ScenarioDescriptor& descriptor, const Profile& profile,
                        const GuestTimeouts& timeouts);

}  // namespace lk::campaign
