// SPDX-License-Identifier: Apache-2.0
// The logs are written by hand in the words of the kernel; tests/emulation-faults finds the same in the logs of VM
// tests.
#include "server/campaign/emulation_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/campaign/findings.h"
#include "server/detect/engine.h"
#include "tests/unit/campaign/descriptors.h"
#include "tests/unit/campaign/runs.h"

namespace lk::campaign {
namespace {

using detect::Kind;
using testing::HasSubstr;

constexpr std::string_view kInt3 =
    "[    1.310022] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n"
    "[    1.310190] CPU: 1 UID: 0 PID: 0 Comm: swapper/1 Not tainted 6.12.90-sample #1\n"
    "[    1.310344] RIP: 0010:hrtimer_start_range_ns+0x31/0x3c0\n"
    "[    1.310400] Call Trace:\n"
    "[    1.310401]  <TASK>\n"
    "[    1.310402]  tick_nohz_restart_sched_tick+0x80/0x90\n"
    "[    1.310403]  do_idle+0x1f2/0x230\n"
    "[    1.310404]  </TASK>\n"
    "[    1.310405] ---[ end trace 0000000000000000 ]---\n";
constexpr std::string_view kInt3Before66 =
    "[    0.911004] int3: 0000 [#1] PREEMPT SMP PTI\n"
    "[    0.911090] CPU: 1 PID: 7 Comm: kworker/1:0 Not tainted 5.10.0-sample #1\n"
    "[    0.911100] RIP: 0010:ktime_get+0x1/0xa0\n"
    "[    0.911101] Call Trace:\n"
    "[    0.911102]  worker_thread+0x53/0x3e0\n"
    "[    0.911103]  kthread+0x118/0x140\n";
constexpr std::string_view kIdleRcu =
    "[   30.100000] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n"
    "[   30.100100] rcu: \t2-...!: (0 ticks this GP) idle=2b24/0/0x0 softirq=94/94 fqs=0\n"
    "[   30.100200] rcu: \t(detected by 0, t=2102 jiffies, g=-1000, q=7 ncpus=4)\n"
    "[   30.100300] Sending NMI from CPU 0 to CPUs 2:\n"
    "[   30.100400] NMI backtrace for cpu 2 skipped: idling at native_safe_halt+0xb/0x10\n";
constexpr std::string_view kIdleCsd =
    "[   18.020001] csd: Detected non-responsive CSD lock (#1) on CPU#1, waiting 3000000400 ns for CPU#00 "
    "do_flush+0x0/0x20(0x0).\n"
    "[   18.020101] csd: \tCSD lock (#1) unresponsive.\n"
    "[   18.020201] Sending NMI from CPU 1 to CPUs 0:\n"
    "[   18.020301] NMI backtrace for cpu 0 skipped: idling at pv_native_safe_halt+0xb/0x10\n";
constexpr std::string_view kIdleHardLockup =
    "[   52.100000] watchdog: Watchdog detected hard LOCKUP on cpu 3\n"
    "[   52.100100] CPU: 3 UID: 0 PID: 0 Comm: swapper/3 Not tainted 6.12.90-sample #1\n"
    "[   52.100200] RIP: 0010:default_idle+0xf/0x20\n"
    "[   52.100300] Call Trace:\n"
    "[   52.100301]  default_idle_call+0x30/0x100\n"
    "[   52.100302]  do_idle+0x1f2/0x230\n";
constexpr std::string_view kIdleArm64 =
    "[   52.100000] watchdog: Watchdog detected hard LOCKUP on cpu 3\n"
    "[   52.100100] CPU: 3 UID: 0 PID: 0 Comm: swapper/3 Not tainted 6.12.90-sample #1\n"
    "[   52.100200] pc : cpu_do_idle+0x8/0xc\n"
    "[   52.100300] Call trace:\n"
    "[   52.100301]  cpu_do_idle+0x8/0xc\n"
    "[   52.100302]  default_idle_call+0x30/0x100\n"
    "[   52.100303]  do_idle+0x1f2/0x230\n";
// CPU 1, which does not answer, is busy; another one is idle.
constexpr std::string_view kBusyCsd =
    "[   18.020001] csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 3000000400 ns for CPU#01 "
    "do_flush+0x0/0x20(0x0).\n"
    "[   18.020201] Sending NMI from CPU 0 to CPUs 1:\n"
    "[   18.020301] NMI backtrace for cpu 1\n"
    "[   18.020311] CPU: 1 UID: 0 PID: 93 Comm: spinner Not tainted 6.12.90-sample #1\n"
    "[   18.020321] RIP: 0010:spin_for_good+0x1a/0x20\n"
    "[   18.020401] NMI backtrace for cpu 10 skipped: idling at pv_native_safe_halt+0xb/0x10\n";
constexpr std::string_view kBusyLockup =
    "[   26.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [spinner:93]\n"
    "[   26.000100] CPU: 0 UID: 0 PID: 93 Comm: spinner Not tainted 6.12.90-sample #1\n"
    "[   26.000200] RIP: 0010:spin_for_good+0x1a/0x20\n"
    "[   26.000300] Sending NMI from CPU 0 to CPUs 1-3:\n"
    "[   26.000400] NMI backtrace for cpu 1 skipped: idling at pv_native_safe_halt+0xb/0x10\n";
constexpr std::string_view kOops =
    "[   11.000000] Oops: general protection fault: 0000 [#1] PREEMPT SMP NOPTI\n"
    "[   11.000001] CPU: 1 UID: 0 PID: 93 Comm: spinner Not tainted 6.12.90-sample #1\n"
    "[   11.000002] RIP: 0010:walk_list+0x31/0x3c0\n"
    "[   11.000003] Call Trace:\n"
    "[   11.000004]  walk_all+0x31/0x3c0\n";

campaign::Run Emulated(std::string_view log, const std::string& accelerator = "tcg") {
  campaign::Run run = Good();
  run.accelerator = accelerator;
  for (const Finding& finding : detect::Detect(log)) AddFinding(run, finding, Rest());
  EXPECT_FALSE(run.findings.empty()) << log;
  return run;
}

TEST(EmulationFaults, AreErrorsOfTheInfrastructureUnderEmulationOnly) {
  for (const std::string_view log : {kInt3, kInt3Before66, kIdleRcu, kIdleCsd, kIdleHardLockup, kIdleArm64}) {
    campaign::Run run = Emulated(log);
    const Judgement judgement = Judge(run, Said("ok"), Rest(), {});
    EXPECT_EQ(Words(judgement), "error infrastructure") << log;
    EXPECT_THAT(judgement.reason, HasSubstr("a fault of QEMU's emulation, ")) << log;
    campaign::Run real = Emulated(log, "kvm");
    EXPECT_EQ(Words(Judge(real, Said("ok"), Rest(), {})), "fail kernel") << log;
  }
}

TEST(EmulationFaults, OtherFailuresAreTheKernels) {
  for (const std::string_view log : {kBusyCsd, kBusyLockup, kOops}) {
    campaign::Run run = Emulated(log);
    EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {})), "fail kernel") << log;
  }
}

TEST(EmulationFaults, ExcuseNothingIfTheyAreExcusedThemselves) {
  for (const auto excuse :
       {+[](Finding& finding) { finding.tolerated = true; }, +[](Finding& finding) { finding.known = "reported"; },
        +[](Finding& finding) { finding.distrust = "the VM was paused for 12s"; }}) {
    campaign::Run run = Emulated(std::string(kIdleRcu) + std::string(kBusyLockup));
    ASSERT_FALSE(EmulationFault(run.findings.at(0)).empty());
    excuse(run.findings[0]);
    EXPECT_EQ(Words(Judge(run, Said("ok"), Rest(), {})), "fail kernel");
  }
}

TEST(EmulationFaults, ExcuseWhatComesAfterThem) {
  campaign::Run after = Emulated(std::string(kInt3) + std::string(kBusyLockup));
  EXPECT_EQ(Words(Judge(after, Ended(Ending::Kind::kHang), Rest(), {})), "error infrastructure");
  EXPECT_FALSE(HangExplained(after, {}));
  campaign::Run before = Emulated(std::string(kOops) + std::string(kIdleRcu));
  const Judgement judgement = Judge(before, Said("ok"), Rest(), {});
  EXPECT_EQ(Words(judgement), "fail kernel");
  EXPECT_THAT(judgement.reason, HasSubstr("walk_list"));
}

}  // namespace
}  // namespace lk::campaign
