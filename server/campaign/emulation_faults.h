// SPDX-License-Identifier: Apache-2.0
// What QEMU's multi-threaded emulation breaks in a guest. The same on a real CPU is the kernel's fault.
#pragma once

#include <string_view>

#include "server/campaign/types.h"

namespace lk::campaign {

// What the emulation did if the finding shows one of its faults, or empty.
std::string_view EmulationFault(const Finding& finding);

// The first of the findings held against the kernel that shows such a fault; null if there is none, or if the guest ran
// on KVM.
const Finding* FindEmulationFault(const Run& run);

// Whether the finding may be a consequence of `fault`: what follows it, and what was not printed. `fault` is what
// FindEmulationFault returns for the run.
bool FollowsFault(const Finding* fault, const Finding& finding);

}  // namespace lk::campaign
