// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/kernel_counters.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "lk/v1/agent.pb.h"

namespace lk::agent {

// A count or a taint flag, whose value can only rise while the kernel runs.
struct KernelCounters::Row {
  const char* path;
  const char* kind;   // a value of Finding.kind
  const char* event;  // for the title
  // Bit number and letter of a taint flag. Flag 0 means that the file holds a count.
  int bit = 0;
  char flag = 0;
};

// Documentation/ABI/testing/sysfs-kernel-{softlockup,hardlockup,rcu_stall}_count (Linux 6.16), -{oops,warn}_count
// (6.2), Documentation/admin-guide/sysctl/kernel.rst (hung_task_detect_count, 6.15), tainted-kernels.rst.
constexpr KernelCounters::Row KernelCounters::kRows[] = {
    {"/sys/kernel/softlockup_count", "soft_lockup", "soft lockup"},
    {"/sys/kernel/hardlockup_count", "hard_lockup", "hard lockup"},
    {"/sys/kernel/rcu_stall_count", "rcu_stall", "RCU stall"},
    {"/proc/sys/kernel/hung_task_detect_count", "hung_task", "hung task"},
    {"/sys/kernel/oops_count", "oops", "oops"},
    {"/sys/kernel/warn_count", "warning", "warning"},
    {"/proc/sys/kernel/tainted", "oops", "bad page", 5, 'B'},
    {"/proc/sys/kernel/tainted", "oops", "oops", 7, 'D'},
    {"/proc/sys/kernel/tainted", "warning", "warning", 9, 'W'},
    {"/proc/sys/kernel/tainted", "soft_lockup", "soft lockup", 14, 'L'},
};

namespace {

std::optional<uint64_t> ReadNumber(int fd) {
  std::array<char, 32> text;
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  uint64_t value = 0;
  if (got <= 0 || std::from_chars(text.data(), text.data() + got, value).ec != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

KernelCounters::KernelCounters(const std::string& root) {
  for (const Row& row : kRows) {
    UniqueFd file(open((root + row.path).c_str(), O_RDONLY | O_CLOEXEC));
    if (file) watched_.push_back({&row, std::move(file)});
  }
}

std::vector<v1::GuestFinding> KernelCounters::Poll() {
  std::vector<v1::GuestFinding> findings;
  for (auto& [row, file, seen] : watched_) {
    const auto number = ReadNumber(file.get());
    if (!number) continue;
    const uint64_t value = row->flag ? *number >> row->bit & 1 : *number;
    if (value <= seen) continue;
    const std::string detail = row->flag ? fmt::format("{}: flag {} was set", row->path, row->flag)
                                         : fmt::format("{} rose from {} to {}", row->path, seen, value);
    seen = value;

    const std::string title = fmt::format("{} recorded by the kernel", row->event);
    const auto same = std::ranges::find(findings, title, &v1::GuestFinding::title);
    if (same != findings.end()) {
      same->set_detail(same->detail() + "; " + detail);
      continue;
    }
    v1::GuestFinding& finding = findings.emplace_back();
    finding.set_kind(row->kind);
    finding.set_title(title);
    finding.set_detail(detail);
    finding.set_counted(true);
  }
  return findings;
}

}  // namespace lk::agent
