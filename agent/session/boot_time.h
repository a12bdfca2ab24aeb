// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>
#include <time.h>

namespace lk::agent {

// Returns the time since boot (CLOCK_BOOTTIME). The agent uses it for timeouts because it sets the wall
// clock when it receives the lease.
inline absl::Duration Uptime() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}
// Returns Uptime() as a point in time, which is comparable only with other results of BootNow().
inline absl::Time BootNow() {
  return absl::UnixEpoch() + Uptime();
}

}  // namespace lk::agent
