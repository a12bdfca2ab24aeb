// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "support/status.h"

namespace lk::agent::fire_drill {

// Writes a branch to itself to the entry point of a kernel image (x86 bzImage or arm64 Image), so that the kernel loads
// normally and then spins with interrupts off from its first instruction. Error: INVALID_ARGUMENT (another format, or
// truncated).
Status Spoil(std::string& image);

}  // namespace lk::agent::fire_drill
