// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/guest_timeouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace lk::campaign {
namespace {

struct Row {
  absl::Duration GuestTimeouts::*timeout;
  int early, distribution;  // in seconds, on a real CPU
};
constexpr std::array<Row, 6> kTimeouts = {{
    {&GuestTimeouts::csd, 3, 5},
    {&GuestTimeouts::rcu, 4, 21},
    {&GuestTimeouts::lockup, 6, 20},
    {&GuestTimeouts::hung_task, 8, 120},
    {&GuestTimeouts::workqueue, 8, 30},
    {&GuestTimeouts::silence, 10, 150},
}};

// kernel/panic.c: PANIC_PRINT_ALL_CPU_BT, since 5.18; older kernels ignore the bit.
constexpr int kAllCpuBacktraces = 0x40;

}  // namespace

GuestTimeouts TimeoutsFor(double factor, Detectors detectors) {
  GuestTimeouts timeouts;
  for (const Row& row : kTimeouts) {
    const int seconds = detectors == Detectors::kEarly ? row.early : row.distribution;
    timeouts.*row.timeout = absl::Seconds(std::ceil(seconds * factor));
  }
  return timeouts;
}

absl::Duration Longest(const GuestTimeouts& timeouts) {
  absl::Duration longest;
  for (const Row& row : kTimeouts) longest = std::max(longest, timeouts.*row.timeout);
  return longest;
}

absl::Duration TimeoutOf(detect::Kind kind, const GuestTimeouts& timeouts) {
  using detect::Kind;
  switch (kind) {
    case Kind::kSoftLockup:
      return timeouts.lockup;
    case Kind::kHardLockup:
      return timeouts.lockup / 2;
    case Kind::kRcuStall:
      return timeouts.rcu;
    case Kind::kHungTask:
      return timeouts.hung_task;
    case Kind::kWorkqueueLockup:
      return timeouts.workqueue;
    case Kind::kHang:
      return timeouts.silence;
    default:
      return timeouts.csd;
  }
}

std::string DetectorCmdline(Arch arch, const GuestTimeouts& timeouts) {
  const auto seconds = [](absl::Duration duration) { return std::max<int64_t>(absl::ToInt64Seconds(duration), 1); };
  std::string line = fmt::format(
      "csdlock_debug=1 smp.csd_lock_timeout={} rcupdate.rcu_cpu_stall_timeout={} "
      "rcupdate.rcu_exp_cpu_stall_timeout={} watchdog_thresh={} sysctl.kernel.hung_task_timeout_secs={} "
      "sysctl.kernel.hung_task_check_interval_secs={} workqueue.watchdog_thresh={}",
      absl::ToInt64Milliseconds(timeouts.csd), seconds(timeouts.rcu), absl::ToInt64Milliseconds(timeouts.rcu),
      seconds(timeouts.lockup / 2), seconds(timeouts.hung_task), seconds(timeouts.hung_task / 4),
      seconds(timeouts.workqueue));
  if (arch == Arch::kX86_64) line += fmt::format(" unknown_nmi_panic panic_print={:#x}", kAllCpuBacktraces);
  return line;
}

}  // namespace lk::campaign
