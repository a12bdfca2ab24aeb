// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/gic_lpi_hotplug/reserved_memory.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "support/file.h"

namespace lk::agent::gic_lpi_hotplug {
namespace {

constexpr char kMemblock[] = "/sys/kernel/debug/memblock";

// Removes everything up to the next "0x" and the number behind it.
bool TakeAddress(std::string_view& text, uint64_t& address) {
  const size_t prefix = text.find("0x");
  if (prefix == text.npos) return false;
  text.remove_prefix(prefix + 2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), address, 16);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

Ranges ParseMemblock(std::string_view text) {
  Ranges ranges;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    // "   3: 0x0000000041000000..0x0000000042c9ffff    0 NONE", before 6.5 without node and flags; the end is
    // inclusive.
    Range range;
    if (TakeAddress(line, range.start) && line.starts_with("..0x") && TakeAddress(line, range.end)) {
      ++range.end;
      ranges.push_back(range);
    }
  }
  return Normalise(std::move(ranges));
}

ReservedMemory ReadReservedMemory() {
  const std::string folder = kMemblock;
  const auto memory = ReadFile(folder + "/memory");
  const auto reserved = ReadFile(folder + "/reserved");
  if (memory.ok() && reserved.ok()) return {ParseMemblock(*memory), ParseMemblock(*reserved)};
  const std::string iomem = ReadFile("/proc/iomem").value_or("");
  return {ParseIomem(iomem, "System RAM"), ParseIomem(iomem, "reserved")};
}

Ranges Misplaced(const ReservedMemory& before, const ReservedMemory& now) {
  const Ranges added = Subtract(now.reserved, before.reserved);
  Ranges misplaced = Subtract(added, now.memory);
  if (!added.empty() && added.front().start == 0) misplaced.push_back(added.front());
  return Normalise(std::move(misplaced));
}

}  // namespace lk::agent::gic_lpi_hotplug
