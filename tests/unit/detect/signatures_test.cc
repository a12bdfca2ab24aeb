// SPDX-License-Identifier: Apache-2.0
#include "server/detect/signatures.h"

#include <gtest/gtest.h>

namespace lk::detect {
namespace {

struct HeaderCase {
  std::string_view text;
  Kind kind;
};

TEST(Signatures, HeadersAreRecognised) {
  const HeaderCase cases[] = {
      {"BUG: soft lockup - CPU#3 stuck for 22s! [cat:77]", Kind::kSoftLockup},
      {"watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [cat:77]", Kind::kSoftLockup},
      {"NMI watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:77]", Kind::kSoftLockup},
      {"Kernel panic - not syncing: softlockup: hung tasks", Kind::kSoftLockup},
      {"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", Kind::kHardLockup},
      {"watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 3", Kind::kHardLockup},
      {"Kernel panic - not syncing: Hard LOCKUP", Kind::kHardLockup},
      {"Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 3", Kind::kHardLockup},
      {"rcu: INFO: rcu_preempt self-detected stall on CPU", Kind::kRcuStall},
      {"INFO: rcu_sched detected stalls on CPUs/tasks: { 3} (detected by 0, t=5252 jiffies)", Kind::kRcuStall},
      {"rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 3-.... } 21 jiffies", Kind::kRcuStall},
      {"INFO: rcu_tasks detected stalls on tasks:", Kind::kRcuStall},
      {"Kernel panic - not syncing: RCU Stall", Kind::kRcuStall},
      {"INFO: task cat:77 blocked for more than 120 seconds.", Kind::kHungTask},
      {"INFO: task jbd2/vda1-8:77 blocked in I/O wait for more than 120 seconds.", Kind::kHungTask},
      {"INFO: task cat:77 can't die for more than 143 seconds.", Kind::kHungTask},
      {"Kernel panic - not syncing: hung_task: blocked tasks", Kind::kHungTask},
      {"BUG: workqueue lockup - pool cpus=3 node=0 flags=0x0 nice=0 stuck for 31s!", Kind::kWorkqueueLockup},
      {"BUG: spinlock lockup suspected on CPU#3, cat/77", Kind::kSpinlockLockup},
      {"BUG: rwlock-lockup on CPU#3, cat/77, ffff888012345678", Kind::kSpinlockLockup},
      {"BUG: rwlock wrong CPU on CPU#3, cat/77", Kind::kSpinlockLockup},
      {"smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000123 ns for CPU#03 func(info).",
       Kind::kCsdStall},
      {"smp: csd: Continued non-responsive CSD lock (#1) on CPU#0, waiting 10000000123 ns for CPU#03 func(info).",
       Kind::kCsdStall},
      {"BUG: sleeping function called from invalid context at mm/page_alloc.c:5000", Kind::kSleepInAtomic},
      {"BUG: scheduling while atomic: cat/77/0x00000002", Kind::kSleepInAtomic},
      {"WARNING: possible circular locking dependency detected", Kind::kLockdep},
      {"[ INFO: possible circular locking dependency detected ]", Kind::kLockdep},
      {"WARNING: possible recursive locking detected", Kind::kLockdep},
      {"WARNING: possible irq lock inversion dependency detected", Kind::kLockdep},
      {"WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", Kind::kLockdep},
      {"WARNING: inconsistent lock state", Kind::kLockdep},
      {"WARNING: bad unlock balance detected!", Kind::kLockdep},
      {"WARNING: held lock freed!", Kind::kLockdep},
      {"WARNING: suspicious RCU usage", Kind::kLockdep},
      {"[ INFO: suspicious RCU usage. ]", Kind::kLockdep},
      {"[ BUG: Invalid wait context ]", Kind::kLockdep},
      {"Kernel panic - not syncing: sysrq triggered crash", Kind::kPanic},
      {"BUG: KASAN: slab-out-of-bounds in f+0x1/0x2", Kind::kSanitizer},
      {"BUG: KFENCE: out-of-bounds read in f+0x1/0x2", Kind::kSanitizer},
      {"BUG: KCSAN: data-race in f / g", Kind::kSanitizer},
      {"BUG: KMSAN: uninit-value in f+0x1/0x2", Kind::kSanitizer},
      {"UBSAN: array-index-out-of-bounds in lib/x.c:12:3", Kind::kSanitizer},
      {"ODEBUG: free active (active state 0) object: 0000 object type: timer_list hint: f+0x0/0x1", Kind::kSanitizer},
      {"BUG: kernel NULL pointer dereference, address: 0000000000000008", Kind::kOops},
      {"BUG: unable to handle kernel paging request at ffffffff81234567", Kind::kOops},
      {"BUG: unable to handle page fault for address: ffffffff81234567", Kind::kOops},
      {"Unable to handle kernel paging request at virtual address ffff800012345678", Kind::kOops},
      {"general protection fault: 0000 [#1] SMP", Kind::kOops},
      {"Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP",
       Kind::kOops},
      {"kernel BUG at mm/slub.c:123!", Kind::kOops},
      {"invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", Kind::kOops},
      {"Internal error: Oops - BUG: 00000000f2000800 [#1] SMP", Kind::kOops},
      {"BUG: TASK stack guard page was hit at 0000 (stack is 0000..0000)", Kind::kOops},
      {"BUG: Bad page state in process cat  pfn:12345", Kind::kOops},
      {"WARNING: CPU: 3 PID: 77 at kernel/x.c:12 f+0x1/0x2", Kind::kWarning},
      {"WARNING: kernel/x.c:12 at f+0x1/0x2, CPU#3: cat/77", Kind::kWarning},
      {"BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[77]", Kind::kSleepInAtomic},
      {"BUG: spinlock already unlocked on CPU#3, cat/77", Kind::kSpinlockLockup},
      {"WARNING: cat/77 still has locks held!", Kind::kLockdep},
      {"WARNING: lock held when returning to user space!", Kind::kLockdep},
      {"WARNING: Nested lock was not taken", Kind::kLockdep},
      {"INFO: trying to register non-static key.", Kind::kLockdep},
      {"Kernel panic - not syncing: NMI: Not continuing", Kind::kPanic},
      {"BUG: KASAN: double-free or invalid-free in f+0x1/0x2", Kind::kSanitizer},
      {"ODEBUG: object 0000 is NOT on stack 0000, but annotated.", Kind::kSanitizer},
      {"CFI failure at f+0x1/0x2 (target: g+0x0/0x10; expected type: 0x12345678)", Kind::kSanitizer},
      {"BUG kmalloc-64 (Not tainted): Redzone overwritten", Kind::kSanitizer},
      {"Oops: Oops: 0002 [#1] SMP NOPTI", Kind::kOops},
      {"Oops: divide error: 0000 [#1] SMP", Kind::kOops},
      {"stack segment: 0000 [#1] SMP", Kind::kOops},
      {"PANIC: early exception 0x0e IP 10:ffffffff81000000 error 0 cr2 0x0", Kind::kOops},
      {"traps: PANIC: double fault, error_code: 0x0", Kind::kOops},
      {"Unexpected kernel BRK exception at EL1", Kind::kOops},
      {"Unhandled 64-bit el1h sync exception on CPU3, ESR 0x0000000096000004 -- DABT (current EL)", Kind::kOops},
      {"BUG: non-zero pgtables_bytes on freeing mm: 4096", Kind::kOops},
      {"BUG: Dentry 00000000abcdef01{i=1,n=x}  still in use (1) [unmount of ext4 vda1]", Kind::kOops},
      {"WARNING: at f+0x1/0x2, CPU#3: a, b/77", Kind::kWarning},
      {"BUG: using __this_cpu_add() in preemptible [00000000] code: cat/77", Kind::kWarning},
      {"watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [ca", Kind::kSoftLockup},
      {"Linux version 6.12.95-lab (me@here) (gcc) #1 SMP", Kind::kUnexpectedReboot},
  };
  for (const HeaderCase& c : cases) {
    const auto match = MatchSignature(c.text);
    ASSERT_TRUE(match) << c.text;
    EXPECT_EQ(ToString(match->signature->kind), ToString(c.kind)) << c.text;
    if (match->cpu >= 0) {
      EXPECT_EQ(match->cpu, 3) << c.text;
    }
    if (match->pid >= 0) {
      EXPECT_EQ(match->pid, 77) << c.text;
    }
  }
}

TEST(Signatures, CommMayContainArbitraryBytes) {
  auto match = MatchSignature("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a]: \xff[b:c:12]");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->task, "a]: \xff[b:c");
  EXPECT_EQ(match->pid, 12);
  match = MatchSignature("INFO: task x blocked for more:1 y:12 blocked for more than 120 seconds.");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->task, "x blocked for more:1 y");
  EXPECT_EQ(match->seconds, 120u);
}

TEST(Signatures, HardLockupNamesTheStuckCpu) {
  const auto match = MatchSignature("CPU0: Watchdog detected hard LOCKUP on cpu 2");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->cpu, 2);
}

TEST(Signatures, OtherLinesDoNotMatch) {
  const std::string_view lines[] = {
      "INFO: lockdep is turned off.",
      "rcu: INFO: Stall ended before state dump start",
      "INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.234 msecs",
      "BUG: free active (active state 0) object type: timer_list",
      "my_INFO: task cat:77 blocked for more than 120 seconds.",
      "EXT4-fs (vda1): WARNING: mounting unchecked fs",
      "WARNING: a program says so",
      "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
      "Kernel command line: panic_on_warn softlockup_panic=1 Kernel panic - not syncing: no",
      "app: BUG: soft lockup - CPU#1 stuck for 22s! [app:12]",
      "traps: app[12] general protection fault ip:401000 sp:7ffd error:0 in app[400000+1000]",
      "watchdog: BUG: soft lockup - CPU#1 stuck for 22",
      "smp: csd: CSD lock (#1) got unstuck on CPU#00, CPU#01 released the lock.",
      "INFO: task cat:77 is blocked on a mutex likely owned by task dog:78.",
      "ODEBUG: Out of memory. ODEBUG disabled",
      "Uhhuh. NMI received for unknown reason 30 on CPU 0.",
      "rcu: rcu_preempt kthread starved for 5252 jiffies! g509 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=3",
      "DEBUG (x): BUG: not at the beginning",
      "",
  };
  for (const std::string_view line : lines) EXPECT_FALSE(MatchSignature(line)) << line;
}

}  // namespace
}  // namespace lk::detect
