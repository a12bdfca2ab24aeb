// SPDX-License-Identifier: Apache-2.0
// What QEMU's multi-threaded emulation breaks in a guest. The same on a real CPU is the kernel's fault.
#pragma once

#include <string_view>

#include "server/campaign/types.h"

namespace lk::campaign {

// What the emulation did if the finding shows one of its faults, or empty.
std::string_view EmulationFault(const Finding& finding);

// The first of the run's findings that shows such a fault; null if there is none, or if the guest ran on KVM.
const Finding* FindEmulationFault(const Run& run);

}  // namespace lk::campaign
