// SPDX-License-Identifier: Apache-2.0
// The CPUs' LPI pending tables, as reported by the GICv3 driver when a CPU is brought up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::gic_lpi_hotplug {

// Size of a pending table (LPI_PENDBASE_SZ in drivers/irqchip/irq-gic-v3-its.c).
inline constexpr uint64_t kTableSize = 64 << 10;

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

// Whether `tables` contains a table of this CPU.
bool HasTable(const std::vector<PendingTable>& tables, int cpu);

struct Fault {
  std::string counter;
  std::string what;
};
// Judges a table that the kernel has just reported. `others` are the tables reported before it in this boot. `earlier`
// has the rows of earlier boots; only those of the boot before this one count.
std::vector<Fault> Judge(uint32_t boot, const PendingTable& table, const std::vector<PendingTable>& others,
                         const Rows& earlier);
// Returns a fault for each of the CPUs for which the kernel has reported no table.
std::vector<Fault> Missing(const std::vector<int>& cpus, const std::vector<PendingTable>& tables);

}  // namespace lk::agent::gic_lpi_hotplug
