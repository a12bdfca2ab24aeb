// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <string>

#include "server/campaign/types.h"

namespace lk::campaign {

// The timeouts of the guest's own detectors and of lkd, ordered so that one hang results in one finding: cross-CPU
// calls and RCU first, then soft lockups, then hung tasks and workqueues, and finally silence, which lkd detects.
struct GuestTimeouts {
  absl::Duration csd;  // smp.csd_lock_timeout (kernel/smp.c)
  absl::Duration rcu;  // rcu_cpu_stall_timeout, normal and expedited; minimum 3 s (kernel/rcu/tree_stall.h)
  // Soft lockup: 2 * watchdog_thresh; watchdog_thresh itself is the hard lockup threshold (kernel/watchdog.c).
  absl::Duration lockup;
  absl::Duration hung_task;  // hung_task_timeout_secs, checked four times in that period (kernel/hung_task.c)
  absl::Duration workqueue;  // workqueue.watchdog_thresh; fires after one to two times that (kernel/workqueue.c)
  absl::Duration silence;    // lkd's own: time without progress after one of the others fired
};

// `factor` says how much slower an emulated guest is; it is 1 for a real CPU. Every timeout is multiplied by it and
// rounded up to whole seconds.
GuestTimeouts TimeoutsFor(double factor, Detectors detectors = Detectors::kEarly);

// The longest of the timeouts. If the VM was paused, a detector whose clock kept running may report the pause as a
// stall up to this long after the pause.
absl::Duration Longest(const GuestTimeouts& timeouts);

// How long a stall of this kind, or a hang, has lasted when it is reported; the shortest timeout for kinds that have
// none here.
absl::Duration TimeoutOf(detect::Kind kind, const GuestTimeouts& timeouts);

// The kernel arguments that set the timeouts and make an NMI print what every CPU is doing (x86-64 only: QEMU
// cannot inject an NMI on arm64). The arguments of the scenario and the profile come later and therefore win. A kernel
// that lacks a detector ignores its arguments: those with a dot are dropped, the others end up in the environment of
// init (Documentation/admin-guide/kernel-parameters.rst).
std::string DetectorCmdline(Arch arch, const GuestTimeouts& timeouts);

}  // namespace lk::campaign
