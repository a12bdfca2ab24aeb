// SPDX-License-Identifier: Apache-2.0
// The memory that the kernel has reserved.
#pragma once

#include <string_view>

#include "agent/witness/iomem.h"

namespace lk::agent::gic_lpi_hotplug {

// Returns the ranges in the text of /sys/kernel/debug/memblock/reserved or .../memory (mm/memblock.c,
// memblock_debug_show()).
Ranges ParseMemblock(std::string_view text);

struct ReservedMemory {
  Ranges memory;
  Ranges reserved;
};
// Reads memblock's lists, which contain what the kernel reserves through EFI while it runs. Without them (no debugfs),
// /proc/iomem.
ReservedMemory ReadReservedMemory();

// Returns what has been reserved since `before` although it cannot be a table: what begins at address 0 or is not
// memory.
Ranges Misplaced(const ReservedMemory& before, const ReservedMemory& now);

}  // namespace lk::agent::gic_lpi_hotplug
