// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include "server/detect/signatures.h"

namespace lk::detect {
namespace {

constexpr std::string_view kStallAlt = "stall in {f}";
constexpr std::string_view kHangAlt = "hang in {f}";

// A symbol name as printed by %ps and %pS, without the offset.
#define LK_FUNC R"((?P<func>[A-Za-z_][\w.]*))"

// Patterns match comm with .*, because it may contain arbitrary bytes. A literal must be rare in the logs of healthy
// machines, because a line has to be parsed for each hit.
constexpr Signature kTable[] = {
    // kernel/watchdog.c
    {Kind::kSoftLockup, "BUG: soft lockup",
     R"((?:(?:NMI )?watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for (?P<secs>\d+)s!)"
     R"((?: \[(?P<task>.*):(?P<pid>\d+)\])?)",
     "", Walk::kStall, "BUG: soft lockup in {f}", kStallAlt},
    {Kind::kSoftLockup, "softlockup: hung tasks", R"(Kernel panic - not syncing: softlockup: hung tasks)", "",
     Walk::kStall, "BUG: soft lockup in {f}", kStallAlt, true},
    // The CPU at the end of the line is the one that is stuck; the one before "Watchdog" only reports it (buddy
    // detector).
    {Kind::kHardLockup, "Watchdog detected hard LOCKUP",
     R"((?:(?:NMI )?watchdog: )?(?:CPU\d+: )?Watchdog detected hard LOCKUP on cpu (?P<cpu>\d+))", "", Walk::kStall,
     "BUG: hard lockup in {f}", kStallAlt},
    {Kind::kHardLockup, "ard LOCKUP",
     R"(Kernel panic - not syncing: (?:Watchdog detected h|H)ard LOCKUP(?: on cpu (?P<cpu>\d+))?)", "", Walk::kStall,
     "BUG: hard lockup in {f}", kStallAlt, true},

    // kernel/rcu/tree_stall.h, kernel/rcu/tree_exp.h, kernel/rcu/tasks.h
    {Kind::kRcuStall, "detected expedited stall",
     R"((?:rcu: )?INFO: rcu_\w+ detected expedited stalls on CPUs/tasks: \{)", "", Walk::kStall,
     "INFO: rcu detected stall in {f}", kStallAlt},
    {Kind::kRcuStall, "detected stall",
     R"((?:rcu: )?INFO: rcu_\w+ (?:self-detected stall on CPU|detected stalls on (?:CPUs/)?tasks))",
     "Stall ended before state dump start", Walk::kStall, "INFO: rcu detected stall in {f}", kStallAlt},
    {Kind::kRcuStall, "RCU Stall", R"(Kernel panic - not syncing: RCU Stall)", "", Walk::kStall,
     "INFO: rcu detected stall in {f}", kStallAlt, true},

    // kernel/hung_task.c
    {Kind::kHungTask, "for more than",
     R"(INFO: task (?P<task>.*):(?P<pid>\d+) blocked (?:in I/O wait )?for more than (?P<secs>\d+) seconds)", "",
     Walk::kBlocked, "INFO: task hung in {f}", kHangAlt},
    {Kind::kHungTask, "can't die for more",
     R"(INFO: task (?P<task>.*):(?P<pid>\d+) can't die for more than (?P<secs>\d+) seconds)", "", Walk::kBlocked,
     "INFO: task can't die in {f}", kHangAlt},
    {Kind::kHungTask, "hung_task: blocked tasks", R"(Kernel panic - not syncing: hung_task: blocked tasks)", "",
     Walk::kNone, "kernel panic: hung_task: blocked tasks", "", true},

    // kernel/workqueue.c
    {Kind::kWorkqueueLockup, "BUG: workqueue lockup",
     R"(BUG: workqueue lockup - pool(?: (?P<text>(?:cpus=(?P<cpu>\d+) )?.*) stuck for (?P<secs>\d+)s!)?)", "",
     Walk::kNone, "BUG: workqueue lockup in {f}", kStallAlt},
    {Kind::kSleepInAtomic, "BUG: workqueue leaked",
     R"(BUG: workqueue leaked (?P<text>lock or atomic|atomic, lock or RCU): )", "", Walk::kFault,
     "BUG: workqueue leaked {text} in {f}", ""},
    // kernel/locking/spinlock_debug.c
    {Kind::kSpinlockLockup, "BUG: spinlock lockup suspected",
     R"(BUG: spinlock lockup suspected on CPU#(?P<cpu>\d+), (?P<task>.*)/(?P<pid>\d+))", "", Walk::kFault,
     "BUG: spinlock lockup suspected in {f}", kStallAlt},
    {Kind::kSpinlockLockup, "BUG: spinlock ",
     R"(BUG: spinlock (?P<text>[\w ]+?) on CPU#(?P<cpu>\d+), (?P<task>.*)/(?P<pid>\d+))", "", Walk::kFault,
     "BUG: spinlock {text} in {f}", ""},
    {Kind::kSpinlockLockup, "BUG: rwlock",
     R"(BUG: rwlock[ -](?P<text>[\w ]+?) on CPU#(?P<cpu>\d+), (?P<task>.*)/(?P<pid>\d+))", "", Walk::kFault,
     "BUG: rwlock {text} in {f}", ""},
    // kernel/smp.c; the function is the handler that does not run, or does not return
    {Kind::kCsdStall, "non-responsive CSD lock",
     R"((?:smp: )?csd: (?:Detected|Continued) non-responsive CSD lock \(#-?\d+\) on CPU#\d+, )"
     R"(waiting -?[\d.]+ (?:ns|secs) for CPU#(?P<cpu>\d+) )" LK_FUNC "?",
     "", Walk::kStall, "BUG: CSD lock stall in {f}", kStallAlt},

    // kernel/sched/core.c, lib/smp_processor_id.c
    {Kind::kSleepInAtomic, "BUG: sleeping function called", R"(BUG: sleeping function called from invalid context at )",
     "", Walk::kFault, "BUG: sleeping function called from invalid context in {f}", ""},
    {Kind::kSleepInAtomic, "scheduling while atomic", R"(BUG: scheduling while atomic: (?P<task>.*)/(?P<pid>\d+)/0x)",
     "", Walk::kFault, "BUG: scheduling while atomic in {f}", ""},
    {Kind::kWarning, "() in preemptible [",
     R"(BUG: using (?P<text>\w+)\(\) in preemptible \[[0-9a-f]+\] code: (?P<task>.*)/(?P<pid>\d+))", "", Walk::kFault,
     "BUG: using {text}() in preemptible code in {f}", ""},

    // kernel/locking/lockdep.c; kernels before 4.11 print the bracketed forms
    {Kind::kLockdep, "possible circular locking",
     R"((?:WARNING: |\[ INFO: )possible circular locking dependency detected)", "", Walk::kFault,
     "possible deadlock in {f}", ""},
    {Kind::kLockdep, "possible recursive locking", R"((?:WARNING: |\[ INFO: )possible recursive locking detected)", "",
     Walk::kFault, "possible deadlock in {f}", ""},
    {Kind::kLockdep, "irq lock inversion", R"((?:WARNING: |\[ INFO: )possible irq lock inversion dependency detected)",
     "", Walk::kFault, "possible deadlock in {f}", ""},
    {Kind::kLockdep, "-unsafe lock order", R"((?:WARNING: |\[ INFO: ).*-safe -> .*-unsafe lock order detected)", "",
     Walk::kFault, "possible deadlock in {f}", ""},
    {Kind::kLockdep, "inconsistent lock state", R"((?:WARNING: |\[ INFO: )inconsistent lock state)", "", Walk::kFault,
     "inconsistent lock state in {f}", ""},
    {Kind::kLockdep, "bad unlock balance", R"((?:WARNING: |\[ BUG: )bad unlock balance detected)", "", Walk::kFault,
     "WARNING: bad unlock balance in {f}", ""},
    {Kind::kLockdep, "bad contention detected", R"((?:WARNING: |\[ BUG: )bad contention detected)", "", Walk::kFault,
     "WARNING: bad contention in {f}", ""},
    {Kind::kLockdep, "held lock freed", R"((?:WARNING: |\[ BUG: )held lock freed)", "", Walk::kFault,
     "WARNING: held lock freed in {f}", ""},
    {Kind::kLockdep, "still has locks held", R"(WARNING: (?P<task>.*)/(?P<pid>\d+) still has locks held)", "",
     Walk::kFault, "WARNING: still has locks held in {f}", ""},
    {Kind::kLockdep, "lock held when returning", R"((?:WARNING: |\[ BUG: )lock held when returning to user space)", "",
     Walk::kFault, "WARNING: lock held when returning to user space in {f}", ""},
    {Kind::kLockdep, "Nested lock was not taken", R"((?:WARNING: |\[ BUG: )?Nested lock was not taken)", "",
     Walk::kFault, "WARNING: nested lock was not taken in {f}", ""},
    {Kind::kLockdep, "suspicious RCU usage", R"((?:WARNING: |\[ INFO: |INFO: )suspicious RCU usage)", "", Walk::kFault,
     "WARNING: suspicious RCU usage in {f}", ""},
    {Kind::kLockdep, "register non-static key", R"(INFO: trying to register non-static key)", "", Walk::kFault,
     "INFO: trying to register non-static key in {f}", ""},
    {Kind::kLockdep, "Invalid wait context", R"(\[ BUG: Invalid wait context \])", "", Walk::kFault,
     "BUG: invalid wait context in {f}", ""},

    // arch/x86/kernel/nmi.c (unknown_nmi_error, pci_serr_error)
    {Kind::kPanic, "NMI: Not continuing", R"(Kernel panic - not syncing: (?P<text>NMI: Not continuing))", "",
     Walk::kStall, "kernel panic: {text}", kStallAlt, true, std::nullopt, true},
    // kernel/panic.c
    {Kind::kPanic, "Kernel panic", R"(Kernel panic - not syncing: (?P<text>.*))", "", Walk::kNone,
     "kernel panic: {text}", "", true},

    // mm/kasan/report.c, mm/kfence/report.c, kernel/kcsan/report.c, mm/kmsan/report.c
    {Kind::kSanitizer, "BUG: KASAN", R"(BUG: KASAN: (?P<text>[\w -]+?) in )" LK_FUNC, "", Walk::kFault,
     "KASAN: {text}{access} in {f}", ""},
    {Kind::kSanitizer, "BUG: KFENCE", R"(BUG: KFENCE: (?P<text>[\w -]+?) in )" LK_FUNC, "", Walk::kFault,
     "KFENCE: {text} in {f}", ""},
    {Kind::kSanitizer, "BUG: KCSAN",
     R"(BUG: KCSAN: (?P<text>data-race|assert: race) in (?P<func>[A-Za-z_][\w.]*(?: / [A-Za-z_][\w.]*)?))", "",
     Walk::kFault, "KCSAN: {text} in {f}", ""},
    {Kind::kSanitizer, "BUG: KMSAN", R"(BUG: KMSAN: (?P<text>[\w -]+?) in )" LK_FUNC, "", Walk::kFault,
     "KMSAN: {text} in {f}", ""},
    // mm/slub.c (slab_bug)
    {Kind::kSanitizer, "BUG ", R"(BUG \S.* \((?:Not tainted|Tainted: [\w ]+)\): (?P<text>[^.]*))", "", Walk::kFault,
     "SLUB: {text} in {f}", ""},
    // lib/ubsan.c, kernel/cfi.c
    {Kind::kSanitizer, "UBSAN: ", R"(UBSAN: (?P<text>[\w -]+) in )", "", Walk::kFault, "UBSAN: {text} in {f}", ""},
    {Kind::kSanitizer, "CFI failure at", "CFI failure at " LK_FUNC, "", Walk::kFault, "CFI failure in {f}", ""},
    // lib/debugobjects.c (followed by a WARNING, which is part of the report)
    {Kind::kSanitizer, "ODEBUG: ", R"(ODEBUG: (?:.* \(active state \d+\) object|object \S+ is (?:NOT )?on))", "",
     Walk::kFault, "ODEBUG bug in {f}", ""},

    // arch/x86/mm/fault.c, arch/x86/kernel/traps.c, arch/arm64/mm/fault.c, arch/arm64/kernel/traps.c
    {Kind::kOops, "BUG: kernel NULL pointer", R"(BUG: kernel NULL pointer dereference, address)", "", Walk::kFault,
     "BUG: unable to handle kernel NULL pointer dereference in {f}", "", false, Kind::kOops},
    {Kind::kOops, "BUG: unable to handle",
     R"(BUG: unable to handle (?:kernel )?(?P<text>NULL pointer dereference|paging request) at)", "", Walk::kFault,
     "BUG: unable to handle kernel {text} in {f}", "", false, Kind::kOops},
    {Kind::kOops, "BUG: unable to handle page fault", R"(BUG: unable to handle page fault for address)", "",
     Walk::kFault, "BUG: unable to handle kernel paging request in {f}", "", false, Kind::kOops},
    {Kind::kOops, "Unable to handle", R"(Unable to handle (?:kernel )?(?P<text>[\w -]+?) at virtual address)", "",
     Walk::kFault, "BUG: unable to handle kernel {text} in {f}", "", false, Kind::kOops},
    {Kind::kOops, "general protection fault", R"((?:Oops: )?general protection fault(?:, .*)?: [0-9a-f]+ \[#\d+\])", "",
     Walk::kFault, "general protection fault in {f}", "", false, Kind::kOops},
    {Kind::kOops, "kernel BUG at", R"(kernel BUG at .+:\d+!)", "", Walk::kFault, "kernel BUG in {f}", "", false,
     Kind::kOops},
    {Kind::kOops, " stack guard page was hit", R"(BUG: (?:\w+ )?stack guard page was hit at)", "", Walk::kFault,
     "BUG: stack guard page was hit in {f}", "", false, Kind::kOops},
    {Kind::kOops, "Insufficient stack space", R"(Insufficient stack space to handle exception)", "", Walk::kFault,
     "kernel stack overflow in {f}", "", false, Kind::kOops},
    {Kind::kOops, "kernel stack overflow", R"((?:BUG: )?[Kk]ernel stack overflow)", "", Walk::kFault,
     "kernel stack overflow in {f}", "", false, Kind::kOops},
    {Kind::kOops, "PANIC: double fault", R"((?:traps: )?PANIC: double fault)", "", Walk::kFault, "double fault in {f}",
     "", false, Kind::kOops},
    {Kind::kOops, "PANIC: early exception", R"(PANIC: early exception )", "", Walk::kFault, "PANIC: early exception",
     "", true},
    {Kind::kOops, "Unexpected kernel ", R"(Unexpected kernel (?P<text>BRK|single-step) exception at EL1)", "",
     Walk::kFault, "unexpected kernel {text} exception in {f}", "", false, Kind::kOops},
    {Kind::kOops, "Bad mode in ", R"(Bad mode in (?P<text>.+?) handler detected on CPU(?P<cpu>\d+))", "", Walk::kFault,
     "bad mode in {text} handler in {f}", "", false, Kind::kOops},
    {Kind::kOops, " exception on CPU", R"(Unhandled (?P<text>[\w -]+) exception on CPU(?P<cpu>\d+), ESR )", "",
     Walk::kFault, "unhandled {text} exception in {f}", "", false, Kind::kOops},
    {Kind::kOops, "Internal error:", R"(Internal error: (?P<text>.+?)(?:: [0-9a-f]+)? \[#\d+\])", "", Walk::kFault,
     "Internal error: {text} in {f}", "", false, Kind::kOops},
    {Kind::kOops, "Oops:", R"((?:Oops: )?Oops: [0-9a-f]+ \[#\d+\])", "", Walk::kFault, "Oops in {f}", "", false,
     Kind::kOops},
    {Kind::kOops, " [#", R"((?:Oops: )?(?P<text>[a-z][\w .'/-]+?)(?:, [^:]*)?: [0-9a-f]+ \[#\d+\])",
     R"(\bip:|segfault)", Walk::kFault, "{text} in {f}", "", false, Kind::kOops},
    // mm/page_alloc.c, mm/memory.c, kernel/fork.c, fs/dcache.c: the stack only shows where the bad state was noticed
    {Kind::kOops, "BUG: Bad page", R"(BUG: Bad page (?P<text>state|map|cache) in process (?P<task>.*) +pfn:)", "",
     Walk::kFault, "BUG: Bad page {text}", ""},
    {Kind::kOops, "BUG: Bad rss-counter", R"(BUG: Bad rss-counter state mm:)", "", Walk::kNone,
     "BUG: Bad rss-counter state", ""},
    {Kind::kOops, "BUG: non-zero pgtables_bytes", R"(BUG: non-zero pgtables_bytes on freeing mm: )", "", Walk::kNone,
     "BUG: non-zero pgtables_bytes on freeing mm", ""},
    {Kind::kOops, "BUG: Dentry ", R"(BUG: Dentry .* still in use \(-?\d+\))", "", Walk::kNone,
     "BUG: Dentry still in use", ""},

    // kernel/panic.c (__warn); the second form is that of 6.19 and later
    {Kind::kWarning,
     "WARNING: CPU:", R"(WARNING: CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) at (?:\S+:\d+ ?)?(?:)" LK_FUNC R"(\+0x)?)", "",
     Walk::kFault, "WARNING in {f}", "", false, Kind::kSanitizer},
    {Kind::kWarning, ", CPU#",
     R"(WARNING: (?:.* )?at )" LK_FUNC R"(\+0x\S+(?: \[\w+\])?, CPU#(?P<cpu>\d+): (?P<task>.*)/(?P<pid>\d+))", "",
     Walk::kFault, "WARNING in {f}", "", false, Kind::kSanitizer},

    // init/main.c prints it once per boot
    {Kind::kUnexpectedReboot, "Linux version ", R"(Linux version (?P<text>\S+) \()", "", Walk::kNone,
     "unexpected reboot", ""},
};
#undef LK_FUNC
static_assert(std::size(kTable) <= kMaxRows);

}  // namespace

std::span<const Signature> Signatures() {
  return kTable;
}

}  // namespace lk::detect
