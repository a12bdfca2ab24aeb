// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>
#include <time.h>

namespace lk::agent {

// Time since boot (CLOCK_BOOTTIME). All of the agent's waiting goes by it, for the lease sets the wall clock.
inline absl::Duration Uptime() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}
// The same as a point in time; comparable with its like only.
inline absl::Time BootNow() {
  return absl::UnixEpoch() + Uptime();
}

}  // namespace lk::agent
