// SPDX-License-Identifier: Apache-2.0
#include "server/detect/signatures.h"

#include <gtest/gtest.h>

#include <string>

#include "server/detect/engine.h"

namespace lk::detect {
namespace {

struct HeaderCase {
  std::string_view text;  // the header; the lines after the first one are also part of the log
  Kind kind;
  std::string_view title;  // of the finding, if the stack below follows
};

constexpr std::string_view kStack =
    "\nCPU: 3 PID: 77 Comm: cat Not tainted 6.1.0 #1\n"
    "Call Trace:\n"
    " culprit+0x1/0x2\n"
    " do_syscall_64+0x1/0x2\n";

// In the order of the table.
TEST(Signatures, HeadersAreRecognised) {
  const HeaderCase cases[] = {
      {"BUG: soft lockup - CPU#3 stuck for 22s! [cat:77]", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [cat:77]", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"NMI watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:77]", Kind::kSoftLockup,
       "BUG: soft lockup in culprit"},
      {"watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [ca", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"BUG: soft lockup detected on CPU#3!", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"BUG: soft lockup detected on CPU#3! [cat:77]", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"Kernel panic - not syncing: softlockup: hung tasks", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", Kind::kHardLockup, "BUG: hard lockup in culprit"},
      {"watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 3", Kind::kHardLockup, "BUG: hard lockup in culprit"},
      {"watchdog: CPU 3 self-detected hard LOCKUP @ culprit+0x1/0x2", Kind::kHardLockup, "BUG: hard lockup in culprit"},
      {"watchdog: CPU 0 detected hard LOCKUP on other CPUs 3", Kind::kHardLockup, "BUG: hard lockup in culprit"},
      {"Kernel panic - not syncing: Hard LOCKUP", Kind::kHardLockup, "BUG: hard lockup in culprit"},
      {"Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 3", Kind::kHardLockup,
       "BUG: hard lockup in culprit"},
      {"Watchdog timer detects that CPU3 is stuck!", Kind::kHardLockup, "BUG: hard lockup in culprit"},
      {"rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 3-.... } 21 jiffies", Kind::kRcuStall,
       "INFO: rcu detected stall in culprit"},
      {"rcu: INFO: rcu_preempt self-detected stall on CPU", Kind::kRcuStall, "INFO: rcu detected stall in culprit"},
      {"INFO: rcu_sched detected stalls on CPUs/tasks: { 3} (detected by 0, t=5252 jiffies)", Kind::kRcuStall,
       "INFO: rcu detected stall in culprit"},
      {"INFO: rcu_tasks detected stalls on tasks:", Kind::kRcuStall, "INFO: rcu detected stall in culprit"},
      {"rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", Kind::kRcuStall, "INFO: rcu detected stall in culprit"},
      {"Kernel panic - not syncing: RCU Stall", Kind::kRcuStall, "INFO: rcu detected stall in culprit"},
      {"INFO: task cat:77 blocked for more than 120 seconds.", Kind::kHungTask, "INFO: task hung in culprit"},
      {"INFO: task jbd2/vda1-8:77 blocked in I/O wait for more than 120 seconds.", Kind::kHungTask,
       "INFO: task hung in culprit"},
      {"INFO: task cat:77 can't die for more than 143 seconds.", Kind::kHungTask, "INFO: task can't die in culprit"},
      {"Kernel panic - not syncing: hung_task: blocked tasks", Kind::kHungTask,
       "kernel panic: hung_task: blocked tasks"},
      {"BUG: workqueue lockup - pool cpus=3 node=0 flags=0x0 nice=0 stuck for 31s!", Kind::kWorkqueueLockup,
       "BUG: workqueue lockup"},
      {"BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[77]", Kind::kSleepInAtomic,
       "BUG: workqueue leaked atomic, lock or RCU in culprit"},
      {"BUG: spinlock lockup suspected on CPU#3, cat/77", Kind::kSpinlockLockup,
       "BUG: spinlock lockup suspected in culprit"},
      {"BUG: spinlock already unlocked on CPU#3, cat/77", Kind::kSpinlockLockup,
       "BUG: spinlock already unlocked in culprit"},
      {"BUG: rwlock-lockup on CPU#3, cat/77, ffff888012345678", Kind::kSpinlockLockup, "BUG: rwlock lockup in culprit"},
      {"BUG: rwlock wrong CPU on CPU#3, cat/77", Kind::kSpinlockLockup, "BUG: rwlock wrong CPU in culprit"},
      {"smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000123 ns for CPU#03 func(info).",
       Kind::kCsdStall, "BUG: CSD lock stall in culprit"},
      {"smp: csd: Continued non-responsive CSD lock (#1) on CPU#0, waiting 10000000123 ns for CPU#03 func(info).",
       Kind::kCsdStall, "BUG: CSD lock stall in culprit"},
      {"BUG: sleeping function called from invalid context at mm/page_alloc.c:5000", Kind::kSleepInAtomic,
       "BUG: sleeping function called from invalid context in culprit"},
      {"BUG: assuming atomic context at mm/x.c:12", Kind::kSleepInAtomic, "BUG: assuming atomic context in culprit"},
      {"BUG: assuming non migratable context at mm/x.c:12", Kind::kSleepInAtomic,
       "BUG: assuming non migratable context in culprit"},
      {"NOHZ tick-stop error: Non-RCU local softirq work is pending, handler #08!!!", Kind::kWarning,
       "NOHZ tick-stop error: local softirq work is pending"},
      {"NOHZ: local_softirq_pending 08", Kind::kWarning, "NOHZ tick-stop error: local softirq work is pending"},
      {"BUG: scheduling while atomic: cat/77/0x00000002", Kind::kSleepInAtomic,
       "BUG: scheduling while atomic in culprit"},
      {"BUG: using __this_cpu_add() in preemptible [00000000] code: cat/77", Kind::kWarning,
       "BUG: using __this_cpu_add() in preemptible code in culprit"},
      {"WARNING: possible circular locking dependency detected", Kind::kLockdep, "possible deadlock in culprit"},
      {"[ INFO: possible circular locking dependency detected ]", Kind::kLockdep, "possible deadlock in culprit"},
      {"WARNING: possible recursive locking detected", Kind::kLockdep, "possible deadlock in culprit"},
      {"WARNING: possible irq lock inversion dependency detected", Kind::kLockdep, "possible deadlock in culprit"},
      {"WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", Kind::kLockdep, "possible deadlock in culprit"},
      {"WARNING: inconsistent lock state", Kind::kLockdep, "inconsistent lock state in culprit"},
      {"WARNING: bad unlock balance detected!", Kind::kLockdep, "WARNING: bad unlock balance in culprit"},
      {"WARNING: bad contention detected!", Kind::kLockdep, "WARNING: bad contention in culprit"},
      {"WARNING: held lock freed!", Kind::kLockdep, "WARNING: held lock freed in culprit"},
      {"WARNING: cat/77 still has locks held!", Kind::kLockdep, "WARNING: still has locks held in culprit"},
      {"WARNING: lock held when returning to user space!", Kind::kLockdep,
       "WARNING: lock held when returning to user space in culprit"},
      {"WARNING: Nested lock was not taken", Kind::kLockdep, "WARNING: nested lock was not taken in culprit"},
      {"WARNING: suspicious RCU usage", Kind::kLockdep, "WARNING: suspicious RCU usage in culprit"},
      {"[ INFO: suspicious RCU usage. ]", Kind::kLockdep, "WARNING: suspicious RCU usage in culprit"},
      {"INFO: trying to register non-static key.", Kind::kLockdep,
       "INFO: trying to register non-static key in culprit"},
      {"BUG: MAX_LOCKDEP_CHAINS too low!", Kind::kLockdep, "BUG: MAX_LOCKDEP_CHAINS too low!"},
      {"[ BUG: Invalid wait context ]", Kind::kLockdep, "BUG: invalid wait context in culprit"},
      {"Kernel panic - not syncing: NMI: Not continuing", Kind::kPanic, "kernel panic: NMI: Not continuing"},
      {"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: culprit+0x1/0x2", Kind::kPanic,
       "kernel panic: stack is corrupted in culprit"},
      {"Kernel panic - not syncing: corrupted stack end detected inside scheduler", Kind::kPanic,
       "kernel panic: corrupted stack end in culprit"},
      {"Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b", Kind::kPanic,
       "kernel panic: Attempted to kill init!"},
      {"Kernel panic - not syncing: sysrq triggered crash", Kind::kPanic, "kernel panic: sysrq triggered crash"},
      {"BUG: KASAN: slab-out-of-bounds in f+0x1/0x2", Kind::kSanitizer, "KASAN: slab-out-of-bounds in f"},
      {"BUG: KASAN: double-free or invalid-free in f+0x1/0x2", Kind::kSanitizer,
       "KASAN: double-free or invalid-free in f"},
      {"BUG: KFENCE: out-of-bounds read in f+0x1/0x2", Kind::kSanitizer, "KFENCE: out-of-bounds read in f"},
      {"BUG: KCSAN: data-race in f / g", Kind::kSanitizer, "KCSAN: data-race in f / g"},
      {"BUG: KMSAN: uninit-value in f+0x1/0x2", Kind::kSanitizer, "KMSAN: uninit-value in f"},
      {"BUG kmalloc-64 (Not tainted): Redzone overwritten", Kind::kSanitizer, "SLUB: Redzone overwritten in culprit"},
      {"list_add corruption. prev->next should be next (ffff888012345678), but was 0000000000000000. "
       "(prev=ffff888012345679).",
       Kind::kSanitizer, "BUG: corrupted list in culprit"},
      {"list_del corruption. next->prev should be ffff888012345678, but was 0000000000000000. (next=ffff888012345679)",
       Kind::kSanitizer, "BUG: corrupted list in culprit"},
      {"UBSAN: Undefined behaviour in lib/x.c:12:3", Kind::kSanitizer, "UBSAN: undefined-behaviour in culprit"},
      {"UBSAN: array-index-out-of-bounds in lib/x.c:12:3", Kind::kSanitizer,
       "UBSAN: array-index-out-of-bounds in culprit"},
      {"CFI failure at f+0x1/0x2 (target: g+0x0/0x10; expected type: 0x12345678)", Kind::kSanitizer,
       "CFI failure in f"},
      {"ODEBUG: free active (active state 0) object: 0000 object type: timer_list hint: f+0x0/0x1", Kind::kSanitizer,
       "WARNING: ODEBUG bug in culprit"},
      {"ODEBUG: object 0000 is NOT on stack 0000, but annotated.", Kind::kSanitizer, "WARNING: ODEBUG bug in culprit"},
      {"BUG: kernel NULL pointer dereference, address: 0000000000000008", Kind::kOops,
       "BUG: unable to handle kernel NULL pointer dereference in culprit"},
      {"BUG: unable to handle kernel paging request at ffffffff81234567", Kind::kOops,
       "BUG: unable to handle kernel paging request in culprit"},
      {"BUG: unable to handle kernel NULL pointer dereference at 0000000000000008", Kind::kOops,
       "BUG: unable to handle kernel NULL pointer dereference in culprit"},
      {"BUG: unable to handle page fault for address: ffffffff81234567", Kind::kOops,
       "BUG: unable to handle kernel paging request in culprit"},
      {"Unable to handle kernel access to user memory outside uaccess routines at virtual address 0000000000000008",
       Kind::kOops, "BUG: unable to handle kernel access to user memory in culprit"},
      {"Unable to handle kernel paging request at virtual address ffff800012345678", Kind::kOops,
       "BUG: unable to handle kernel paging request in culprit"},
      {"general protection fault: 0000 [#1] SMP", Kind::kOops, "general protection fault in culprit"},
      {"Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP",
       Kind::kOops, "general protection fault in culprit"},
      {"usercopy: Kernel memory exposure attempt detected from SLUB object 'x' (offset 0, size 64)!", Kind::kSanitizer,
       "BUG: bad usercopy in culprit"},
      {"kernel BUG at lib/list_debug.c:59!", Kind::kSanitizer, "BUG: corrupted list in culprit"},
      {"kernel BUG at mm/slub.c:123!", Kind::kOops, "kernel BUG in culprit"},
      {"BUG: TASK stack guard page was hit at 0000 (stack is 0000..0000)", Kind::kOops,
       "BUG: stack guard page was hit in culprit"},
      {"BUG: TASK stack guard page was hit at ffffc90000123ff8 (stack is ffffc90000124000..ffffc90000127fff)",
       Kind::kOops, "BUG: stack guard page was hit in culprit"},
      {"Insufficient stack space to handle exception!", Kind::kOops, "kernel stack overflow in culprit"},
      {"BUG: kernel stack overflow (page fault)", Kind::kOops, "kernel stack overflow in culprit"},
      {"traps: PANIC: double fault, error_code: 0x0", Kind::kOops, "PANIC: double fault in culprit"},
      {"PANIC: early exception 0x0e IP 10:ffffffff81000000 error 0 cr2 0x0", Kind::kOops, "PANIC: early exception"},
      {"Unexpected kernel BRK exception at EL1", Kind::kOops, "unexpected kernel BRK exception in culprit"},
      {"Bad mode in Error handler detected on CPU3, code 0xbf000002 -- SError", Kind::kOops,
       "bad mode in Error handler in culprit"},
      {"Unhandled 64-bit el1h sync exception on CPU3, ESR 0x0000000096000004 -- DABT (current EL)", Kind::kOops,
       "unhandled 64-bit el1h sync exception in culprit"},
      {"Unhandled fault: external abort on non-linefetch (0x1008) at 0xf0812345", Kind::kOops,
       "Unhandled fault in culprit"},
      {"WARNING: kernel stack frame pointer at 00000000abcdef01 in cat:77 has bad value 0000000000000000",
       Kind::kWarning, "WARNING: kernel stack frame pointer has bad value"},
      {"WARNING: kernel stack regs at 00000000abcdef01 in cat:77 has bad 'bp' value 0000000000000000", Kind::kWarning,
       "WARNING: kernel stack regs has bad 'bp' value"},
      {"BUG: Kernel NULL pointer dereference on read at 0x00000008", Kind::kOops,
       "BUG: unable to handle kernel NULL pointer dereference in culprit"},
      {"BUG: Unable to handle kernel data access on read at 0xc008000001234567", Kind::kOops,
       "BUG: unable to handle kernel data access in culprit"},
      {"Oops: Kernel access of bad area, sig: 11 [#1]", Kind::kOops,
       "BUG: unable to handle kernel paging request in culprit"},
      {"Oops: Exception in kernel mode, sig: 5 [#1]", Kind::kOops, "Exception in kernel mode in culprit"},
      {"Unable to handle kernel pointer dereference in virtual kernel address space", Kind::kOops,
       "BUG: unable to handle kernel pointer dereference in culprit"},
      {"addressing exception: 0005 ilc:3 [#1]", Kind::kOops, "addressing exception in culprit"},
      {"Oops - illegal instruction [#1]", Kind::kOops, "illegal instruction in culprit"},
      {"CPU 3 Unable to handle kernel paging request at virtual address 00000008, epc == 80123456, ra == 80123457",
       Kind::kOops, "BUG: unable to handle kernel paging request in culprit"},
      {"Oops[#1]:", Kind::kOops, "Oops in culprit"},
      {"Kernel BUG at culprit+0x1/0x2 [verbose debug info unavailable]", Kind::kOops, "kernel BUG in culprit"},
      {"Internal error: Oops - BUG: 00000000f2000800 [#1] SMP", Kind::kOops, "Internal error: Oops - BUG in culprit"},
      {"Oops: Oops: 0002 [#1] SMP NOPTI", Kind::kOops, "Oops in culprit"},
      {"Oops: divide error: 0000 [#1] SMP", Kind::kOops, "divide error in culprit"},
      {"Oops: divide_error: 0000 [#1] SMP", Kind::kOops, "divide error in culprit"},
      {"stack segment: 0000 [#1] SMP", Kind::kOops, "stack segment fault in culprit"},
      {"Oops: stack segment: 0000 [#1] SMP", Kind::kOops, "stack segment fault in culprit"},
      {"invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", Kind::kOops, "invalid opcode in culprit"},
      {"BUG: Bad page state in process cat  pfn:12345", Kind::kOops, "BUG: Bad page state"},
      {"BUG: Bad rss-counter state mm:00000000abcdef01 type:MM_ANONPAGES val:5", Kind::kOops,
       "BUG: Bad rss-counter state"},
      {"BUG: non-zero pgtables_bytes on freeing mm: 4096", Kind::kOops, "BUG: non-zero pgtables_bytes on freeing mm"},
      {"BUG: Dentry 00000000abcdef01{i=1,n=x}  still in use (1) [unmount of ext4 vda1]", Kind::kOops,
       "BUG: Dentry still in use in unmount"},
      {"BUG: Dentry 00000000abcdef01{i=1,n=x}  still in use (1)", Kind::kOops, "BUG: Dentry still in use"},
      {"VFS: Busy inodes after unmount of vda1. Self-destruct in 5 seconds.  Have a nice day...", Kind::kOops,
       "VFS: Busy inodes after unmount (use-after-free)"},
      {"VFS: Close: file count is 0", Kind::kOops, "VFS: Close: file count is zero (use-after-free)"},
      {"BUG: memory leak", Kind::kSanitizer, "memory leak in culprit"},
      {"unreferenced object 0xffff888012345678 (size 64):", Kind::kSanitizer, "memory leak in culprit"},
      {"DMAR: VT-d detected Invalidation Time-out Error: SID 0", Kind::kCommandTimeout,
       "DMAR: VT-d detected Invalidation Time-out Error"},
      {"DMAR: VT-d detected Invalidation Queue Error: Reason 4", Kind::kCommandTimeout,
       "DMAR: VT-d detected Invalidation Queue Error"},
      {"DMAR: VT-d detected Invalidation Completion Error: SID 18", Kind::kCommandTimeout,
       "DMAR: VT-d detected Invalidation Completion Error"},
      {"AMD-Vi: Completion-Wait loop timed out", Kind::kCommandTimeout, "AMD-Vi: Completion-Wait loop timed out"},
      {"AMD-Vi: Command buffer timeout", Kind::kCommandTimeout, "AMD-Vi: Command buffer timeout"},
      {"pci 0000:00:02.0: AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device=0000:03:00.0 address=0x1234000]",
       Kind::kCommandTimeout, "AMD-Vi: IOTLB_INV_TIMEOUT"},
      {"pci 0000:00:02.0: AMD-Vi: Event logged [COMMAND_HARDWARE_ERROR address=0x1000 flags=0x0a00]",
       Kind::kCommandTimeout, "AMD-Vi: COMMAND_HARDWARE_ERROR"},
      {"arm-smmu-v3 arm-smmu-v3.0.auto: CMD_SYNC timeout at 0x00000007 [hwprod 0x00000008, hwcons 0x00000007]",
       Kind::kCommandTimeout, "arm-smmu-v3: CMD_SYNC timeout"},
      {"arm-smmu-v3 arm-smmu-v3.1.auto: CMDQ timeout", Kind::kCommandTimeout, "arm-smmu-v3: CMDQ timeout"},
      {"arm-smmu-v3 arm-smmu-v3.1.auto: CMDQ error (cons 0x03000012): ATC invalidate timeout", Kind::kCommandTimeout,
       "arm-smmu-v3: ATC invalidate timeout"},
      {"arm-smmu 9050000.iommu: TLB sync timed out -- SMMU may be deadlocked", Kind::kCommandTimeout,
       "arm-smmu: TLB sync timed out"},
      {"riscv,iommu 3010000.iommu: Hardware error: command execution timeout", Kind::kCommandTimeout,
       "riscv-iommu: command execution timeout"},
      {"CPU3: Timeout while disabling LPIs", Kind::kCommandTimeout, "ITS: timeout while disabling LPIs"},
      {"ITS queue timeout (64 1)", Kind::kCommandTimeout, "ITS queue timeout"},
      {"GICv3: RWP timeout, gone fishing", Kind::kCommandTimeout, "GICv3: RWP timeout"},
      {"unregister_netdevice: waiting for lo to become free. Usage count = 2", Kind::kHungTask,
       "unregister_netdevice: waiting for DEV to become free"},
      {"WARNING: CPU: 3 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2", Kind::kSanitizer,
       "WARNING: refcount bug in culprit"},
      {"WARNING: mm/usercopy.c:82 at usercopy_warn+0x1/0x2, CPU#3: cat/77", Kind::kSanitizer,
       "WARNING: bad usercopy in culprit"},
      {"WARNING: CPU: 3 PID: 77 at lib/debugobjects.c:514 debug_print_object+0x1/0x2", Kind::kSanitizer,
       "WARNING: ODEBUG bug in culprit"},
      {"WARNING: CPU: 3 PID: 77 at lib/list_debug.c:26 __list_add_valid+0x1/0x2", Kind::kSanitizer,
       "BUG: corrupted list in culprit"},
      {"WARNING: CPU: 3 PID: 77 at fs/proc/generic.c:376 proc_register+0x1/0x2", Kind::kWarning,
       "WARNING: proc registration bug in culprit"},
      {"WARNING: CPU: 3 PID: 77 at lib/kobject.c:734 kobject_put+0x1/0x2", Kind::kWarning,
       "WARNING: kobject bug in culprit"},
      {"WARNING: CPU: 3 PID: 77 at kernel/locking/lockdep.c:5232 __lock_acquire+0x1/0x2", Kind::kLockdep,
       "WARNING: locking bug in culprit"},
      {"WARNING: CPU: 3 PID: 77 at drivers/usb/core/urb.c:503 usb_submit_urb+0x1/0x2", Kind::kWarning,
       "WARNING in culprit/usb_submit_urb"},
      {"WARNING: CPU: 3 PID: 77 at mm/slab_common.c:935 kmalloc_slab+0x1/0x2", Kind::kWarning,
       "WARNING: kmalloc bug in culprit"},
      {"WARNING: CPU: 3 PID: 77 at mm/util.c:597 kvmalloc_node+0x1/0x2", Kind::kWarning,
       "WARNING: kmalloc bug in culprit"},
      {"WARNING: CPU: 3 PID: 77 at mm/vmalloc.c:2936 __vmalloc_node_range+0x1/0x2", Kind::kWarning,
       "WARNING: zero-size vmalloc in culprit"},
      {"WARNING: CPU: 3 PID: 77 at kernel/x.c:12 f+0x1/0x2", Kind::kWarning, "WARNING in f"},
      {"WARNING: kernel/x.c:12 at f+0x1/0x2, CPU#3: cat/77", Kind::kWarning, "WARNING in f"},
      {"WARNING: at f+0x1/0x2, CPU#3: a, b/77", Kind::kWarning, "WARNING in f"},
      {"INFO: RCU detected CPU 3 stall (t=1000 jiffies)", Kind::kRcuStall, "INFO: rcu detected stall in culprit"},
      {"INFO: rcu_sched_state detected stall on CPU 3 (t=60000 jiffies)", Kind::kRcuStall,
       "INFO: rcu detected stall in culprit"},
      {"WARN: soft lockup - CPU#3 stuck for 11s! [cat:77]", Kind::kSoftLockup, "BUG: soft lockup in culprit"},
      {"BUG: spinlock lockup on CPU#3, cat/77, c1234567", Kind::kSpinlockLockup, "BUG: spinlock lockup in culprit"},
      {"PANIC at tree.c:12:culprit()", Kind::kPanic, "SPL PANIC in culprit"},
      {"SPLError: 77:0:(tree.c:12:culprit()) SPL PANIC", Kind::kPanic, "SPL PANIC in culprit"},
      {"BUG: KASAN: user-memory-access on address 00007f0012345678", Kind::kSanitizer,
       "KASAN: user-memory-access in culprit"},
      {"BUG: KASan: use after free in f+0x1/0x2 at addr ffff888012345678", Kind::kSanitizer,
       "KASAN: use after free in f"},
      {"BUG: KASAN: double-free in f+0x1/0x2", Kind::kSanitizer, "KASAN: double-free in f"},
      {"INFO: Allocated in f+0x1/0x2 age=12 cpu=3 pid=77", Kind::kSanitizer, "INFO: Allocated in f"},
      {"kernel BUG at mm/usercopy.c:102!", Kind::kSanitizer, "BUG: bad usercopy in culprit"},
      {"Alignment trap: not handling instruction e1923f9f at [<80123456>]", Kind::kOops, "Alignment trap in culprit"},
      {"Page fault: bad address: Code=26 (Data memory access rights trap) at addr 00000008", Kind::kPanic,
       "kernel panic: Page fault: bad address in culprit"},
      {"BUG: non-zero nr_ptes on freeing mm: 1", Kind::kOops, "BUG: non-zero nr_ptes on freeing mm"},
      {"NETDEV WATCHDOG: eth0 (virtio_net): transmit queue 0 timed out", Kind::kWarning, "WARNING in dev_watchdog"},
      {"WARNING: CPU: 3 PID: 77 at net/sched/sch_generic.c:525 dev_watchdog+0x1/0x2", Kind::kWarning,
       "WARNING in dev_watchdog"},
      {"WARNING: at kernel/x.c:12 f+0x1/0x2()", Kind::kWarning, "WARNING in f"},
      {"Linux version 6.12.95-lab (me@here) (gcc) #1 SMP\nLinux version 6.12.95-lab (me@here) (gcc) #1 SMP\nCommand "
       "line: quiet",
       Kind::kUnexpectedReboot, "unexpected reboot"},
  };
  Rows found;
  for (const HeaderCase& c : cases) {
    const auto match = MatchSignature(c.text.substr(0, c.text.find('\n')));
    ASSERT_TRUE(match) << c.text;
    found.set(static_cast<size_t>(match->signature - Signatures().data()));
    EXPECT_EQ(ToString(match->signature->kind), ToString(c.kind)) << c.text;
    if (match->cpu >= 0) {
      EXPECT_EQ(match->cpu, 3) << c.text;
    }
    if (match->pid >= 0) {
      EXPECT_EQ(match->pid, 77) << c.text;
    }
    const auto findings = Detect(std::string(c.text).append(kStack));
    ASSERT_EQ(findings.size(), 1u) << c.text;
    EXPECT_EQ(findings[0].title, c.title) << c.text;
  }
  for (size_t row = 0; row < Signatures().size(); ++row) {
    EXPECT_TRUE(found.test(row)) << "no example for the row with the pattern " << Signatures()[row].pattern;
  }
}

TEST(Signatures, CommMayContainArbitraryBytes) {
  auto match = MatchSignature("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a]: \xff[b:c:12]");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->task, "a]: \xff[b:c");
  EXPECT_EQ(match->pid, 12);
  match = MatchSignature("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:1] b:12]");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->task, "a:1] b");
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
      "DMAR: Invalidation Time-out Error (ITE) cleared",
      "DMAR: Invalidation Queue Error (IQE) cleared",
      "hns3 0000:7d:00.0: CMDQ timeout",
      "INFO: task cat:77 is blocked on a mutex likely owned by task dog:78.",
      "ODEBUG: Out of memory. ODEBUG disabled",
      "Uhhuh. NMI received for unknown reason 30 on CPU 0.",
      "rcu: rcu_preempt kthread starved for 5252 jiffies! g509 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=3",
      "DEBUG (x): BUG: not at the beginning",
      // sentences
      "we saw BUG: soft lockup - CPU#1 stuck for 22s! [spinner:812] yesterday",
      "BUG: soft lockup - CPU#1 stuck for 22s! [spinner:812] is what it says",
      "BUG: soft lockup - CPU#1 stuck for 22s! [spinner:812]  <- expected",
      "INFO: task cat:77 blocked for more than 120 seconds. which went away",
      "INFO: task cat:77 blocked for more than 120 seconds -- since the update?",
      "rcu: INFO: rcu_sched self-detected stall on CPU and a hang",
      // programs in Go
      "panic: runtime error: invalid memory address or nil pointer dereference",
      "panic: test timed out after 10m0s",
      "fatal error: all goroutines are asleep - deadlock!",
      "fatal error: stack overflow",
      "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47a1c2]",
      "unexpected fault address 0xb01dfacedebac1e",
      "WARNING: DATA RACE",
      "",
  };
  for (const std::string_view line : lines) EXPECT_FALSE(MatchSignature(line)) << line;
}

}  // namespace
}  // namespace lk::detect
