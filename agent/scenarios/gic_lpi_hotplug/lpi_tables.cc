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

Faults Judge(uint32_t boot, const std::vector<int>& cpus, const std::vector<PendingTable>& tables,
             const Rows& earlier) {
  Faults faults;
  for (const int cpu : cpus) {
    const auto own = [cpu](const PendingTable& table) { return table.cpu == cpu; };
    const auto table = std::ranges::find_if(tables, own);
    if (table == tables.end()) {
      ++faults.missing;
      continue;
    }
    if (std::ranges::count_if(tables, own) > 1) ++faults.duplicate;
    if (table->address == 0) ++faults.at_zero;
    if (boot == 0) continue;
    if (!table->reserved) ++faults.not_reserved;
    const std::vector<std::string> before = ToRow(boot - 1, *table);
    const bool kept = std::ranges::any_of(earlier, [&](const std::vector<std::string>& row) {
      return row.size() == 4 && row[0] == before[0] && row[1] == before[1] && row[3] == before[3];
    });
    if (!kept) ++faults.moved;
  }
  return faults;
}

}  // namespace lk::agent::gic_lpi_hotplug
