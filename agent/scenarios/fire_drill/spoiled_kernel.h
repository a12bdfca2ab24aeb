// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "support/status.h"

namespace lk::agent::fire_drill {

// Puts a branch to itself at the entry of a kernel image (x86 bzImage, arm64 Image): it loads like any other, and spins
// with interrupts off from its first instruction on. Error: INVALID_ARGUMENT (another image).
Status Spoil(std::string& image);

}  // namespace lk::agent::fire_drill
