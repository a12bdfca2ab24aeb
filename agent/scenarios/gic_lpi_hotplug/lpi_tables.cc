// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/gic_lpi_hotplug/lpi_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lk::agent::gic_lpi_hotplug {
namespace {

// Removes `prefix` from the front of `text`. Returns false if `text` does not begin with it.
bool Take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <typename T>
bool TakeNumber(std::string_view& text, T& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

const std::vector<std::string>& TableColumns() {
  static const auto& columns = *new std::vector<std::string>{"boot", "cpu", "table", "address"};
  return columns;
}

bool ParseTableLine(std::string_view line, PendingTable& table) {
  PendingTable parsed;
  const size_t start = line.find("GICv3: CPU");
  if (start == line.npos) return false;
  line.remove_prefix(start);
  if (!Take(line, "GICv3: CPU") || !TakeNumber(line, parsed.cpu, 10) || !Take(line, ": using ")) return false;
  parsed.reserved = Take(line, "reserved");
  if (!parsed.reserved && !Take(line, "allocated")) return false;
  if (!Take(line, " LPI pending table @0x") || !TakeNumber(line, parsed.address, 16)) return false;
  table = parsed;
  return true;
}

std::vector<std::string> ToRow(uint32_t boot, const PendingTable& table) {
  return {std::to_string(boot), std::to_string(table.cpu), table.reserved ? "reserved" : "allocated",
          fmt::format("{:#x}", table.address)};
}

bool HasTable(const std::vector<PendingTable>& tables, int cpu) {
  return std::ranges::any_of(tables, [cpu](const PendingTable& table) { return table.cpu == cpu; });
}

std::vector<Fault> Judge(uint32_t boot, const PendingTable& table, const std::vector<PendingTable>& others,
                         const Rows& earlier) {
  std::vector<Fault> faults;
  const std::vector<std::string> row = ToRow(boot, table);
  const std::string given = fmt::format("CPU {}: {} table at {}", table.cpu, row[2], row[3]);
  if (HasTable(others, table.cpu)) {
    faults.push_back({"tables_repeated", given + ", the second one in this boot"});
    return faults;
  }
  if (table.address == 0) faults.push_back({"tables_at_zero", given});
  if (boot == 0) return faults;
  const std::string before = std::to_string(boot - 1);
  const auto old = std::ranges::find_if(earlier, [&](const std::vector<std::string>& cells) {
    return cells.size() == row.size() && cells[0] == before && cells[1] == row[1];
  });
  // A CPU that was never online before is given a new table.
  if (old == earlier.end()) return faults;
  const std::string inherited = fmt::format("{}; before kexec at {}", given, (*old)[3]);
  if (!table.reserved) faults.push_back({"tables_not_reserved", inherited});
  if (row[3] != (*old)[3]) faults.push_back({"tables_moved", inherited});
  return faults;
}

std::vector<Fault> Missing(const std::vector<int>& cpus, const std::vector<PendingTable>& tables) {
  std::vector<Fault> faults;
  for (const int cpu : cpus) {
    if (HasTable(tables, cpu)) continue;
    faults.push_back({"tables_missing", fmt::format("CPU {} is online, but the kernel reports no table for it", cpu)});
  }
  return faults;
}

}  // namespace lk::agent::gic_lpi_hotplug
