// SPDX-License-Identifier: Apache-2.0
// What the GICv3 driver says of the LPI pending tables of its CPUs when they come up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::gic_lpi_hotplug {

// Columns of the table that the run tells, a row for each CPU and boot.
inline constexpr char kTableName[] = "lpi_tables";
const std::vector<std::string>& TableColumns();

struct PendingTable {
  int cpu = 0;
  bool reserved = false;  // taken over from the kernel before this one; else allocated by this one
  uint64_t address = 0;   // physical
  bool operator==(const PendingTable&) const = default;
};
// "GICv3: CPU1: using allocated LPI pending table @0x0000000101230000" (its_cpu_init_lpis() in
// drivers/irqchip/irq-gic-v3-its.c). False: another line.
bool ParseTableLine(std::string_view line, PendingTable& table);

// A row of the table; `boot` from 0.
std::vector<std::string> ToRow(uint32_t boot, const PendingTable& table);

// What is wrong with the tables of one boot.
struct Faults {
  uint32_t missing = 0;       // CPUs of which the kernel said nothing
  uint32_t said_again = 0;    // CPUs that were given a table more than once
  uint32_t not_reserved = 0;  // after kexec: CPUs that were given a new table
  uint32_t moved = 0;         // after kexec: CPUs whose table is not the one of the boot before
  uint32_t at_zero = 0;
  bool operator==(const Faults&) const = default;
};
// `told`: the rows so far, of earlier boots; `tables` those of this one.
Faults Judge(uint32_t boot, const std::vector<int>& cpus, const std::vector<PendingTable>& tables, const Rows& told);

}  // namespace lk::agent::gic_lpi_hotplug
