// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/detector_check/detectors.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>

#include "support/file.h"

namespace lk::agent::detector_check {
namespace {

// The multiples allow for the interval at which the detector looks (kernel/watchdog.c, kernel/watchdog_buddy.c,
// kernel/hung_task.c, kernel/workqueue.c).
const Detector kDetectors[] = {
    {.name = "csd_stall",
     .symbol = "CONFIG_CSD_LOCK_WAIT_DEBUG",
     .enabled = "/sys/module/smp/parameters/csd_lock_timeout",
     .timeout = "/sys/module/smp/parameters/csd_lock_timeout",
     .unit = absl::Milliseconds(1),
     .multiple = 1,
     .lockup = "disable_irq=1",
     .awaited = Awaited::kResponse,
     .reports = {"Detected non-responsive CSD lock"}},
    {.name = "hard_lockup",
     .symbol = "CONFIG_HARDLOCKUP_DETECTOR",
     .enabled = "/proc/sys/kernel/nmi_watchdog",
     .timeout = "/proc/sys/kernel/watchdog_thresh",
     .multiple = 2.4,
     .lockup = "disable_irq=1",
     .reports = {"hard LOCKUP"}},
    {.name = "rcu_stall",
     .symbol = "CONFIG_RCU_STALL_COMMON",
     .enabled = "/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout",
     .timeout = "/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout",
     .multiple = 1,
     .lockup = "lock_rcu=1",
     .reports = {"detected stalls on CPUs/tasks", "self-detected stall on CPU",
                 "detected expedited stalls on CPUs/tasks"}},
    {.name = "soft_lockup",
     .symbol = "CONFIG_SOFTLOCKUP_DETECTOR",
     .enabled = "/proc/sys/kernel/soft_watchdog",
     .timeout = "/proc/sys/kernel/watchdog_thresh",
     .multiple = 2.4,
     .lockup = "disable_preempt=1",
     .reports = {"BUG: soft lockup"}},
    {.name = "hung_task",
     .symbol = "CONFIG_DETECT_HUNG_TASK",
     .enabled = "/proc/sys/kernel/hung_task_timeout_secs",
     .timeout = "/proc/sys/kernel/hung_task_timeout_secs",
     .multiple = 2,
     .lockup = "state=D",
     .sleeps = true,
     .reports = {"INFO: task lk-trigger:"}},
    {.name = "workqueue_lockup",
     .symbol = "CONFIG_WQ_WATCHDOG",
     .enabled = "/sys/module/workqueue/parameters/watchdog_thresh",
     .timeout = "/sys/module/workqueue/parameters/watchdog_thresh",
     .multiple = 2,
     .lockup = "disable_preempt=1",
     .awaited = Awaited::kWork,
     .after_soft = true,
     .reports = {"BUG: workqueue lockup"}},
};

// Returns 0 if there is no such file, or no number in it.
int64_t ReadNumber(const std::string& path) {
  int64_t number = 0;
  return absl::SimpleAtoi(ReadFile(path).value_or(""), &number) ? number : 0;
}

}  // namespace

std::span<const Detector> Detectors() {
  return kDetectors;
}

bool IsReport(const Detector& detector, std::string_view line) {
  return line.find("lk-canary") == line.npos &&
         std::ranges::any_of(detector.reports, [&](std::string_view text) { return line.find(text) != line.npos; });
}

std::optional<absl::Duration> ReportLimit(const Detector& detector, const std::string& root) {
  if (ReadNumber(root + detector.enabled) <= 0) return {};
  return detector.multiple * static_cast<double>(ReadNumber(root + detector.timeout)) * detector.unit;
}

std::string WhyNoTime(absl::Duration required, absl::Duration left) {
  if (left >= required) return "";
  return fmt::format("no time left: {} s required, {} s left",
                     absl::ToInt64Seconds(absl::Ceil(required, absl::Seconds(1))), absl::ToInt64Seconds(left));
}

}  // namespace lk::agent::detector_check
