// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/queue_latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "agent/files.h"
#include "support/file.h"

namespace lk::agent::iommu_invalidation {
namespace {

constexpr char kLatency[] = "/sys/kernel/debug/iommu/intel/dmar_perf_latency";
// Values to write; each enables one type (drivers/iommu/intel/debugfs.c).
constexpr std::string_view kSwitches[] = {"1", "2", "3"};

}  // namespace

std::vector<QueueLatency> ParseQueueLatency(std::string_view text) {
  std::vector<QueueLatency> rows;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    if (!line.starts_with("inv_")) continue;
    QueueLatency row{std::string(line.substr(0, line.find(' ')))};
    std::vector<uint64_t> numbers;
    for (size_t at = row.type.size(); (at = line.find_first_of("0123456789", at)) != line.npos;) {
      const auto parsed = std::from_chars(line.data() + at, line.data() + line.size(), numbers.emplace_back());
      at = static_cast<size_t>(parsed.ptr - line.data());
    }
    if (numbers.size() < 3) continue;
    const auto last = numbers.end();
    row.min_us = last[-3];
    row.max_us = last[-2];
    row.average_us = last[-1];
    rows.push_back(std::move(row));
  }
  return rows;
}

Status StartQueueLatency() {
  for (const std::string_view type : kSwitches) {
    if (!WriteFile(kLatency, type).ok()) {
      return absl::FailedPreconditionError(fmt::format("the kernel has no {} (INTEL_IOMMU_DEBUGFS)", kLatency));
    }
  }
  return absl::OkStatus();
}

std::vector<QueueLatency> ReadQueueLatency() {
  const auto text = ReadFile(kLatency);
  return text.ok() ? ParseQueueLatency(*text) : std::vector<QueueLatency>();
}

}  // namespace lk::agent::iommu_invalidation
