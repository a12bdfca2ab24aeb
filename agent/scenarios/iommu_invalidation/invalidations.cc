// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/invalidations.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "support/file.h"

namespace lk::agent::iommu_invalidation {
namespace {

constexpr char kEventId[] = "/sys/kernel/tracing/events/intel_iommu/qi_submit/id";

}  // namespace

std::string FilterFor(unsigned code) {
  std::string filter;
  for (unsigned bit = 1; bit <= 8; bit <<= 1) {
    filter += fmt::format("{}{}(qw0 & {})", filter.empty() ? "" : " && ", (code & bit) != 0 ? "" : "!", bit);
  }
  return filter;
}

StatusOr<InvalidationCounts> InvalidationCounts::Open(const std::vector<int>& cpus) {
  const auto id = ReadFile(kEventId);
  if (!id.ok()) return absl::FailedPreconditionError("the kernel has no tracepoint intel_iommu:qi_submit");
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  std::from_chars(id->data(), id->data() + id->size(), attr.config);

  InvalidationCounts counts;
  for (size_t i = 0; i < kTypes.size(); ++i) {
    const std::string filter = FilterFor(kTypes[i].code);
    for (const int cpu : cpus) {
      UniqueFd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
      if (!event || ioctl(event.get(), PERF_EVENT_IOC_SET_FILTER, filter.c_str()) != 0) {
        return absl::FailedPreconditionError(
            std::string(absl::ErrnoToStatus(errno, "perf event of intel_iommu:qi_submit").message()));
      }
      counts.events_[i].push_back(std::move(event));
    }
  }
  return counts;
}

std::array<uint64_t, kTypes.size()> InvalidationCounts::Read() const {
  std::array<uint64_t, kTypes.size()> totals{};
  for (size_t i = 0; i < kTypes.size(); ++i) {
    for (const UniqueFd& event : events_[i]) {
      uint64_t count = 0;
      if (read(event.get(), &count, sizeof count) == sizeof count) totals[i] += count;
    }
  }
  return totals;
}

}  // namespace lk::agent::iommu_invalidation
