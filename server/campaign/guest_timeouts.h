// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <string>

#include "server/campaign/types.h"

namespace lk::campaign {

// When the guest's own detectors speak, ordered so that one hang gives one finding: cross-CPU calls and RCU first, then
// soft lockups, then hung tasks and workqueues; silence, judged by lkd, last.
struct GuestTimeouts {
  absl::Duration csd;        // smp.csd_lock_timeout (kernel/smp.c)
  absl::Duration rcu;        // rcu_cpu_stall_timeout, normal and expedited; 3 s at least (kernel/rcu/tree_stall.h)
  absl::Duration lockup;     // soft lockup: twice watchdog_thresh, which is the hard lockup's (kernel/watchdog.c)
  absl::Duration hung_task;  // hung_task_timeout_secs, looked at each quarter of it (kernel/hung_task.c)
  absl::Duration workqueue;  // workqueue.watchdog_thresh; seen after one to two times that (kernel/workqueue.c)
  absl::Duration silence;    // no progress since one of them spoke: lkd's
};

// `factor`: how much slower an emulated guest is, 1 for a real CPU; every time is multiplied by it, in whole seconds.
GuestTimeouts TimeoutsFor(double factor);

// A detector that is not stopped with the VM may speak of a pause for this long after it.
absl::Duration Longest(const GuestTimeouts& timeouts);

// The kernel command line that sets them, and makes an NMI tell what every CPU does (x86-64; on arm64 QEMU has none to
// inject). It stands before what the scenario and the profile say, which therefore win. A kernel that lacks a detector
// ignores its words: those with a dot are dropped, the rest become environment of init
// (Documentation/admin-guide/kernel-parameters.rst).
std::string DetectorCmdline(Arch arch, const GuestTimeouts& timeouts);

}  // namespace lk::campaign
