// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/guest_timeouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::campaign {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(GuestTimeouts, FireInOrder) {
  for (const double factor : {1.0, 3.0}) {
    const GuestTimeouts timeouts = TimeoutsFor(factor, Detectors::kEarly);
    EXPECT_GE(timeouts.rcu, absl::Seconds(3));   // the minimum that the kernel accepts
    EXPECT_LE(timeouts.rcu, absl::Seconds(21));  // and the maximum for an expedited grace period
    EXPECT_LE(timeouts.csd, timeouts.rcu);
    // A soft lockup is detected up to one sample period (2/5 of watchdog_thresh) late.
    EXPECT_LT(timeouts.rcu, timeouts.lockup);
    EXPECT_LT(timeouts.lockup * 1.2, timeouts.hung_task);
    EXPECT_LE(timeouts.hung_task, timeouts.workqueue);
    EXPECT_LT(timeouts.workqueue, timeouts.silence);
    // Silence is measured from when the first detector fired. By its end, hung tasks have been detected, and workqueue
    // lockups usually have been, too.
    EXPECT_GE(timeouts.csd + timeouts.silence, timeouts.hung_task * 1.25);
    EXPECT_EQ(Longest(timeouts), timeouts.silence);
  }
}

TEST(GuestTimeouts, ArePassedToTheKernelInItsUnits) {
  EXPECT_EQ(DetectorCmdline(Arch::kX86_64, TimeoutsFor(1)),
            "csdlock_debug=1 smp.csd_lock_timeout=3000 rcupdate.rcu_cpu_stall_timeout=4 "
            "rcupdate.rcu_exp_cpu_stall_timeout=4000 watchdog_thresh=3 sysctl.kernel.hung_task_timeout_secs=8 "
            "sysctl.kernel.hung_task_check_interval_secs=2 workqueue.watchdog_thresh=8 unknown_nmi_panic "
            "panic_print=0x40");
  const std::string arm = DetectorCmdline(Arch::kAarch64, TimeoutsFor(3));
  EXPECT_THAT(arm, HasSubstr(" watchdog_thresh=9 "));
  EXPECT_THAT(arm, HasSubstr("smp.csd_lock_timeout=9000"));
  EXPECT_THAT(arm, Not(HasSubstr("nmi")));
  // With a fractional factor, seconds remain whole.
  EXPECT_THAT(DetectorCmdline(Arch::kAarch64, TimeoutsFor(1.4)), HasSubstr("rcu_cpu_stall_timeout=6 "));
}

TEST(GuestTimeouts, OfDistributionsAreTheKernelsDefaults) {
  const GuestTimeouts timeouts = TimeoutsFor(1, Detectors::kDistribution);
  EXPECT_THAT(DetectorCmdline(Arch::kX86_64, timeouts),
              HasSubstr("smp.csd_lock_timeout=5000 rcupdate.rcu_cpu_stall_timeout=21 "
                        "rcupdate.rcu_exp_cpu_stall_timeout=21000 watchdog_thresh=10 "
                        "sysctl.kernel.hung_task_timeout_secs=120 sysctl.kernel.hung_task_check_interval_secs=30 "
                        "workqueue.watchdog_thresh=30"));
  EXPECT_GE(timeouts.csd + timeouts.silence, timeouts.hung_task * 1.25);
  EXPECT_EQ(Longest(timeouts), timeouts.silence);
}

TEST(GuestTimeouts, AStallHasLastedForItsDetectorsTimeout) {
  const GuestTimeouts timeouts = TimeoutsFor(1);
  EXPECT_EQ(TimeoutOf(detect::Kind::kSoftLockup, timeouts), absl::Seconds(6));
  EXPECT_EQ(TimeoutOf(detect::Kind::kHardLockup, timeouts), absl::Seconds(3));
  EXPECT_EQ(TimeoutOf(detect::Kind::kRcuStall, timeouts), absl::Seconds(4));
  EXPECT_EQ(TimeoutOf(detect::Kind::kHungTask, timeouts), absl::Seconds(8));
  EXPECT_EQ(TimeoutOf(detect::Kind::kHang, timeouts), absl::Seconds(10));
  EXPECT_EQ(TimeoutOf(detect::Kind::kCommandTimeout, timeouts), absl::Seconds(3));
}

}  // namespace
}  // namespace lk::campaign
