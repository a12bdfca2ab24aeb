// SPDX-License-Identifier: Apache-2.0
// The CPUs' LPI pending tables, as reported by the GICv3 driver when a CPU is brought up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::gic_lpi_hotplug {

// The result table that lists the pending tables, with one row for each CPU and boot.
inline constexpr char kTableName[] = "lpi_tables";
const std::vector<std::string>& TableColumns();

struct PendingTable {
  int cpu = 0;
  bool reserved = false;  // inherited from the previous kernel; otherwise allocated by this one
  uint64_t address = 0;   // physical
  bool operator==(const PendingTable&) const = default;
};
// Parses "GICv3: CPU1: using allocated LPI pending table @0x0000000101230000" (its_cpu_init_lpis() in
// drivers/irqchip/irq-gic-v3-its.c). Returns false for other lines.
bool ParseTableLine(std::string_view line, PendingTable& table);

// Returns the row for a pending table; `boot` counts from 0.
std::vector<std::string> ToRow(uint32_t boot, const PendingTable& table);

// Counts of problems with the pending tables of one boot.
struct Faults {
  uint32_t missing = 0;       // CPUs for which the kernel reported no table
  uint32_t duplicate = 0;     // CPUs for which the kernel reported more than one table
  uint32_t not_reserved = 0;  // after kexec: CPUs that were given a new table
  uint32_t moved = 0;         // after kexec: CPUs whose table is at a different address than in the previous boot
  uint32_t at_zero = 0;       // CPUs whose table is at address 0
  bool operator==(const Faults&) const = default;
};
// Counts the faults in `tables`. `earlier` has the rows of earlier boots, `tables` the tables of this boot.
Faults Judge(uint32_t boot, const std::vector<int>& cpus, const std::vector<PendingTable>& tables, const Rows& earlier);

}  // namespace lk::agent::gic_lpi_hotplug
