// SPDX-License-Identifier: Apache-2.0
// Whole reports, without timestamps: their titles, and the CPUs and tasks that they are about.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/detect/engine.h"

namespace lk::detect {
namespace {

using testing::ElementsAre;

constexpr std::string_view kCpu = "CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1\nCall Trace:\n";

std::string StackLines(std::initializer_list<std::string_view> functions) {
  std::string stack(kCpu);
  for (const std::string_view function : functions) stack.append(" ").append(function).append("+0x1/0x2\n");
  return stack;
}

TEST(Reports, AreNamedAfterTheFunctionThatMatters) {
  const std::pair<std::string, std::pair<std::string_view, std::string_view>> cases[] = {
      {"BUG: soft lockup - CPU#1 stuck for 22s! [a [b]: c:7]\n" +
           StackLines({"clear_page", "handle_mm_fault", "do_user_addr_fault", "exc_page_fault", "asm_exc_page_fault"}),
       {"BUG: soft lockup in handle_mm_fault", "handle_mm_fault"}},
      {"BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n" +
           StackLines(
               {"spin", "__arm64_sys_read", "invoke_syscall", "el0_svc_common.constprop.0", "do_el0_svc", "el0_svc"}),
       {"BUG: soft lockup in spin", "spin"}},
      {"BUG: soft lockup - CPU#1 stuck for 22s! [swapper/1:0]\n" +
           StackLines({"spin", "rendezvous_handler", "__flush_smp_call_function_queue", "__sysvec_call_function",
                       "asm_sysvec_call_function", "do_idle", "cpu_startup_entry", "secondary_start_kernel"}),
       {"BUG: soft lockup in rendezvous_handler", "rendezvous_handler"}},
      {"WARNING: CPU: 1 PID: 7 at mm/foo.c:123 foo+0x1/0x2\n" + StackLines({"foo", "bar"}), {"WARNING in foo", "foo"}},
      {"WARNING: CPU: 1 PID: 7 at foo+0x1/0x2\n" + StackLines({"foo", "bar"}), {"WARNING in foo", "foo"}},
      {"WARNING: CPU: 1 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2\n" +
           StackLines({"refcount_warn_saturate", "put_thing"}),
       {"WARNING: refcount bug in put_thing", "put_thing"}},
      {"WARNING: mm/foo.c:12 at foo+0x1/0x2 [lab], CPU#1: a/b: c/7\n" + StackLines({"foo"}), {"WARNING in foo", "foo"}},
      {"WARNING: at foo+0x1/0x2, CPU#1: cat/7\n" + StackLines({"foo"}), {"WARNING in foo", "foo"}},
      {"kernel BUG at lib/list_debug.c:59!\n" + StackLines({"__list_del_entry_valid_or_report", "unlink_it"}),
       {"BUG: corrupted list in unlink_it", "unlink_it"}},
      {"BUG: KASAN: double-free or invalid-free in free_it+0x1/0x2\n" +
           StackLines({"kasan_report_invalid_free", "free_it"}),
       {"KASAN: double-free or invalid-free in free_it", "free_it"}},
      {"BUG: KCSAN: data-race in writer / reader\n", {"KCSAN: data-race in writer / reader", "writer / reader"}},
      {"BUG kmalloc-64 (Tainted: G    B): Poison overwritten\n" +
           StackLines({"dump_stack_lvl", "check_bytes_and_report", "check_object", "alloc_it"}),
       {"SLUB: Poison overwritten in alloc_it", "alloc_it"}},
      {"UBSAN: Undefined behaviour in ../mm/foo.c:1:2\n" + StackLines({"dump_stack", "__ubsan_handle_x", "foo"}),
       {"UBSAN: undefined-behaviour in foo", "foo"}},
      {"BUG: spinlock bad magic on CPU#1, cat/7\n" + StackLines({"dump_stack", "spin_bug", "_raw_spin_lock", "take"}),
       {"BUG: spinlock bad magic in take", "take"}},
      {"BUG: using smp_processor_id() in preemptible [00000000] code: cat/7\n" +
           StackLines({"dump_stack", "check_preemption_disabled", "counts"}),
       {"BUG: using smp_processor_id() in preemptible code in counts", "counts"}},
      {"Insufficient stack space to handle exception!\n" + StackLines({"recursive"}),
       {"kernel stack overflow in recursive", "recursive"}},
      {"Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1] SMP\n" + StackLines({"foo"}),
       {"Internal error: UBSAN: array index out of bounds in foo", "foo"}},
      {"Oops: int3: 0000 [#1] SMP\n" + StackLines({"foo"}), {"int3 in foo", "foo"}},
      {"traps: PANIC: double fault, error_code: 0x0\n" + StackLines({"foo"}), {"PANIC: double fault in foo", "foo"}},
      {"Bad mode in Error handler detected on CPU1, code 0xbf000000 -- SError\n" + StackLines({"foo"}),
       {"bad mode in Error handler in foo", "foo"}},
      {"BUG: Bad rss-counter state mm:0000 type:MM_ANONPAGES val:5\n", {"BUG: Bad rss-counter state", ""}},
      {"Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\n",
       {"kernel panic: Attempted to kill init!", ""}},
  };
  for (const auto& [log, expected] : cases) {
    const auto findings = Detect(log);
    ASSERT_EQ(findings.size(), 1u) << log;
    EXPECT_EQ(findings[0].title, expected.first) << log;
    EXPECT_EQ(findings[0].function, expected.second) << log;
    EXPECT_FALSE(findings[0].corrupted) << log;
  }
}

TEST(Reports, FramesWithoutAHeadingCountIfThereIsNoStack) {
  const std::string header = "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1\n";
  const std::string bare = "\n? tide_idle+0x1/0x2\ntide_stop+0x1/0x2 [tide]\ntide_close+0x1/0x2 [tide]\n";
  const std::pair<std::string, std::string_view> cases[] = {
      {header + bare, "BUG: hard lockup in tide_stop"},
      {header + "RIP: 0010:tide_poll_reg+0x1/0x2\n" + bare, "BUG: hard lockup in tide_poll_reg"},
      {header + bare + StackLines({"tide_spin", "tide_work", "process_one_work"}), "BUG: hard lockup in tide_spin"},
      // The rest of a line that a mailer has wrapped
      {header + "hardirqs last disabled at (2362): [<ffffffff81000000>]\ntide_irq+0x1/0x2\nCode: 90\n",
       "BUG: hard lockup in corrupted"},
      {header + "Allocated by task 7:\n tide_alloc+0x1/0x2\n tide_open+0x1/0x2\n", "BUG: hard lockup in corrupted"},
  };
  for (const auto& [log, title] : cases) {
    const auto findings = Detect(log);
    ASSERT_EQ(findings.size(), 1u) << log;
    EXPECT_EQ(findings[0].title, title) << log;
  }
}

TEST(Reports, StallsAreAlsoKnownByOtherNames) {
  const std::string header = "BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n";
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {header + StackLines({"smp_call_function_single", "tide_read_reg", "tide_release", "__fput"}),
       {"stall in tide_release", "BUG: soft lockup in smp_call_function", "BUG: soft lockup in tide_release"}},
      {header + StackLines({"spin", "tide_probe", "really_probe", "tide_scan", "vfs_write", "ksys_write"}),
       {"stall in tide_probe", "BUG: soft lockup in tide_scan", "BUG: soft lockup in sys_write"}},
      // The work function has called the last one in its place.
      {header + "CPU: 1 PID: 7 Comm: kworker/1:1 Not tainted 6.1.0 #1\nWorkqueue: events tide_free_work\n"
                "Call Trace:\n spin+0x1/0x2\n tide_free+0x1/0x2\n process_one_work+0x1/0x2\n",
       {"stall in tide_free", "BUG: soft lockup in tide_free_work"}},
  };
  for (const auto& [log, titles] : cases) {
    const auto findings = Detect(log);
    ASSERT_EQ(findings.size(), 1u) << log;
    EXPECT_EQ(findings[0].alt_titles, titles) << log;
  }
}

TEST(Reports, HungTaskIsAlsoKnownByTheFunctionThatDoesNotEvenWaitByItsName) {
  const auto findings = Detect(
      "INFO: task cat:77 blocked for more than 120 seconds.\n"
      "task:cat             state:D stack:0     pid:77    tgid:77    ppid:1      flags:0x00000002\n"
      "Call Trace:\n __schedule+0x1/0x2\n schedule+0x1/0x2\n tide_iowait+0x1/0x2\n tide_sync+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "INFO: task hung in tide_iowait");
  EXPECT_THAT(findings[0].alt_titles, ElementsAre("hang in tide_iowait", "INFO: task hung in tide_sync"));
}

TEST(Reports, HungTaskInALockWithANameOfItsOwnIsAlsoKnownByTheOneWhoTakesIt) {
  const auto findings = Detect(
      "INFO: task cat:77 blocked for more than 120 seconds.\n"
      "task:cat             state:D stack:0     pid:77    tgid:77    ppid:1      flags:0x00000002\n"
      "Call Trace:\n __schedule+0x1/0x2\n schedule+0x1/0x2\n __mutex_lock+0x1/0x2\n rtnl_lock+0x1/0x2\n"
      " tide_open+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "INFO: task hung in rtnl_lock");
  EXPECT_THAT(findings[0].alt_titles, testing::Contains("INFO: task hung in tide_open"));
}

TEST(Reports, TitleIsNotItsOwnAlternate) {
  for (const std::string& stack :
       {StackLines({"spin", "tide_work", "process_one_work", "worker_thread", "kthread"}),
        StackLines({"spin", "tide_thread", "kthread"}), StackLines({"clear_page", "ksys_read", "do_syscall_64"})}) {
    const auto findings = Detect("BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n" + stack);
    ASSERT_EQ(findings.size(), 1u) << stack;
    EXPECT_THAT(findings[0].alt_titles, ElementsAre("stall in " + findings[0].function)) << stack;
  }
}

TEST(Reports, HungTaskIsNamedByItsOwnStack) {
  const auto findings = Detect(
      "INFO: task cat:77 blocked for more than 120 seconds.\n"
      "      Not tainted 5.4.0 #1\n"
      "cat             D12345    77      1 0x00000004\n"
      "Call Trace:\n __schedule+0x1/0x2\n schedule+0x1/0x2\n waiter+0x1/0x2\n"
      "INFO: task cat:77 is blocked on a mutex likely owned by task dog:78.\n"
      "task:dog             state:S stack:13432 pid:78   tgid:78   ppid:1      flags:0x00000002\n"
      "Call Trace:\n __schedule+0x1/0x2\n owner+0x1/0x2\n"
      "Future hung task reports are suppressed, see sysctl kernel.hung_task_warnings\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "INFO: task hung in waiter");
  EXPECT_EQ(findings[0].task, "cat:77");
  EXPECT_TRUE(findings[0].saturated);
}

TEST(Reports, RcuStallIsNamedByTheStackOfTheStalledCpu) {
  const auto findings = Detect(
      "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
      "rcu: \t2-...!: (0 ticks this GP) idle=e33c/1/0x4000000000000000\n"
      "rcu: \t3-...!: (0 ticks this GP) idle=e33c/1/0x4000000000000000\n"
      "rcu: \t(detected by 0, t=21016 jiffies, g=7753, q=296 ncpus=4)\n"
      "Task dump for CPU 3:\n"
      "task:spin            state:R  running task     stack:0     pid:205   ppid:1      flags:0x00000202\n"
      "Call trace:\n spinner+0x1/0x2\n kthread+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "INFO: rcu detected stall in spinner");
  EXPECT_EQ(findings[0].cpu, 3);
  EXPECT_EQ(findings[0].task, "spin:205");
}

TEST(Reports, RcuStallOfATaskIsNamedByItsStack) {
  for (const std::string_view victims :
       {"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
        "rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-3): P50/1:b..l P9\n",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { P50 } 21 jiffies s: 1\n",
        "INFO: rcu_tasks_trace detected stalls on tasks:\n"}) {
    const auto findings = Detect(std::string(victims) +
                                 "task:a b state:R  running task stack:0 pid:50 ppid:1 flags:0x0\n"
                                 "Call Trace:\n holder+0x1/0x2\n kthread+0x1/0x2\n");
    ASSERT_EQ(findings.size(), 1u) << victims;
    EXPECT_EQ(findings[0].title, "INFO: rcu detected stall in holder") << victims;
    EXPECT_EQ(findings[0].task, "a b:50") << victims;
  }
}

// On kernels before 5.16, the tick that inspects its own CPU is on the stack above the interrupted code.
TEST(Reports, ReporterOnTheStackIsNotTheStuckCode) {
  const auto findings =
      Detect("rcu: INFO: rcu_sched self-detected stall on CPU\nrcu: \t1-....: (2 GPs behind)\n" +
             StackLines({"dump_stack", "nmi_cpu_backtrace.cold", "rcu_dump_cpu_stacks", "rcu_sched_clock_irq",
                         "update_process_times", "tick_sched_timer", "__hrtimer_run_queues", "hrtimer_interrupt",
                         "apic_timer_interrupt", "spin", "worker", "process_one_work"}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].function, "worker");
}

constexpr std::string_view kBothSides =
    "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [trigger:61]\n"
    "CPU: 0 PID: 61 Comm: trigger Not tainted 6.12.0 #1\n"
    "Call Trace:\n csd_lock_wait+0x1/0x2\n smp_call_function_many_cond+0x1/0x2\n ksys_write+0x1/0x2\n"
    " do_syscall_64+0x1/0x2\n"
    "Sending NMI from CPU 0 to CPUs 1-2:\n"
    "NMI backtrace for cpu 1\n"
    "CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.12.0 #1\n"
    "Call Trace:\n handler+0x1/0x2\n __flush_smp_call_function_queue+0x1/0x2\n do_idle+0x1/0x2\n"
    "NMI backtrace for cpu 2 skipped: idling at default_idle+0x1/0x2\n";

TEST(Reports, CpusOnBothSidesOfACrossCallAreNamed) {
  const auto findings = Detect(kBothSides);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: soft lockup in smp_call_function_many_cond");
  EXPECT_THAT(findings[0].alt_titles, testing::Contains("stall in sys_write"));
  ASSERT_EQ(findings[0].others.size(), 1u);
  EXPECT_EQ(findings[0].others[0].cpu, 1);
  EXPECT_EQ(findings[0].others[0].task, "swapper/1:0");
  EXPECT_EQ(findings[0].others[0].function, "handler");
  EXPECT_EQ(findings[0].others[0].frames.size(), 3u);
}

TEST(Reports, CsdStallNamesBothSidesAndMayBeTransient) {
  const auto findings = Detect(
      "smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000123 ns for CPU#01 "
      "handler+0x0/0x10(0x0).\n"
      "smp: \tcsd: CSD lock (#1) unresponsive.\n"
      "Sending NMI from CPU 0 to CPUs 1:\n"
      "NMI backtrace for cpu 1\n"
      "CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.12.0 #1\n"
      "Call Trace:\n spin+0x1/0x2\n handler+0x1/0x2\n flush_smp_call_function_queue+0x1/0x2\n do_idle+0x1/0x2\n"
      "CPU: 0 PID: 61 Comm: trigger Not tainted 6.12.0 #1\n"
      "Call Trace:\n dump_stack_lvl+0x1/0x2\n __csd_lock_wait+0x1/0x2\n ksys_write+0x1/0x2\n do_syscall_64+0x1/0x2\n"
      "smp: csd: CSD lock (#1) got unstuck on CPU#00, CPU#01 released the lock.\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: CSD lock stall in handler");
  EXPECT_THAT(findings[0].alt_titles, ElementsAre("stall in handler", "stall in sys_write"));
  EXPECT_TRUE(findings[0].transient);
}

TEST(Reports, WorkqueueLockupSharesItsCauseWithAStallInTheWorkFunction) {
  const auto findings = Detect(
      "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 31s!\n"
      "Showing busy workqueues and worker pools:\n"
      "workqueue events: flags=0x0\n"
      "  pwq 2: cpus=0 node=0 flags=0x0 nice=0 active=1/256 refcnt=2\n"
      "    in-flight: 9:other_fn\n"
      "  pwq 6: cpus=1 node=0 flags=0x0 nice=0 active=2/256 refcnt=3\n"
      "    in-flight: 61:drain_fn [lab] BAR(17)\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: workqueue lockup in drain_fn");
  EXPECT_EQ(findings[0].function, "drain_fn");
  EXPECT_THAT(findings[0].alt_titles, ElementsAre("stall in drain_fn", "BUG: workqueue lockup"));
}

TEST(Reports, PoolOfAWorkqueueLockupIsFoundByAllItsAttributes) {
  const std::string rest =
      "workqueue events_highpri: flags=0x10\n"
      "  pwq 7: cpus=1 node=0 flags=0x0 nice=-20 active=1/256 refcnt=2\n"
      "    in-flight: 9:high_fn\n"
      "workqueue events_unbound: flags=0x2\n"
      "  pwq 8: cpus=0-1 flags=0x4 nice=0 active=1/512 refcnt=2\n"
      "    in-flight: 10:unbound_fn\n";
  const std::pair<std::string, std::string_view> cases[] = {
      {"pool cpus=1 node=0 flags=0x0 nice=-20 stuck for 31s!", "BUG: workqueue lockup in high_fn"},
      {"pool cpus=0-1 flags=0x4 nice=0 stuck for 31s!", "BUG: workqueue lockup in unbound_fn"},
      {"pool cpus=1 node=0 flags=0x0 nice=0 stuck for 31s!", "BUG: workqueue lockup"},
      {"pool", "BUG: workqueue lockup"},
  };
  for (const auto& [header, title] : cases) {
    std::string log = "BUG: workqueue lockup - ";
    log.append(header).append("\n").append(rest);
    const auto findings = Detect(log);
    ASSERT_EQ(findings.size(), 1u) << header;
    EXPECT_EQ(findings[0].title, title) << header;
    EXPECT_FALSE(findings[0].corrupted) << header;
  }
}

std::string On(int cpu, std::string_view function) {
  std::string stack = "CPU: " + std::to_string(cpu);
  stack.append(" PID: 7 Comm: cat Not tainted 6.1.0 #1\nCall Trace:\n ").append(function);
  stack.append("+0x1/0x2\n do_syscall_64+0x1/0x2\n");
  return stack;
}

TEST(Reports, StackOfHelpersIsNamedByTheWorkItem) {
  const auto findings = Detect(
      "WARNING: CPU: 0 PID: 5 at lib/refcount.c:28 refcount_warn_saturate+0xd8/0xe0\n"
      "CPU: 0 PID: 5 Comm: kworker/0:2 Not tainted 6.1.58 #1\nWorkqueue: events tide_free_work\n"
      "RIP: 0010:refcount_warn_saturate+0xd8/0xe0\nRAX: 0000000000000000 RBX: 0000000000000030\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "WARNING: refcount bug in tide_free_work");
}

TEST(Reports, LinesThatWereLeftOutAreNoPartOfAFrame) {
  const auto findings = Detect(
      "[ 5300.443503] NMI watchdog: Watchdog detected hard LOCKUP on cpu 1\n"
      "[ 5300.443571] CPU: 1 PID: 0 Comm: swapper/1 Tainted: G OE 5.10.0-18-2-amd64 #1\n"
      "[ 5300.443584]  tide_flush_iotlb_range_now+0x83/0xb0\n...\n"
      "[ 5300.443591]  run_timer_softirq+0x26/0x50\n[...]\n"
      "[ 5300.443595]  asm_sysvec_apic_timer_interrupt+0x12/0x20\n",
      {.invariants = {}, .containers = true});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: hard lockup in tide_flush_iotlb_range_now");
}

TEST(Reports, SimultaneousLockupsHaveTheirOwnStacks) {
  const auto findings = Detect(
      "BUG: soft lockup - CPU#0 stuck for 22s! [cat:7]\n"
      "BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n" +
      On(1, "ksys_write") + On(0, "ksys_read") + "BUG: soft lockup - CPU#0 stuck for 44s! [cat:7]\n" +
      On(0, "ksys_read"));
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[0].title, "BUG: soft lockup in sys_read");
  EXPECT_EQ(findings[1].title, "BUG: soft lockup in sys_write");
  EXPECT_EQ(findings[2].title, "BUG: soft lockup in sys_read");
  EXPECT_EQ(findings[2].seconds_stuck, 44u);
}

TEST(Reports, FramesOfAStallExcludeTheReporter) {
  const auto findings = Detect("BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n" +
                               StackLines({"dump_stack", "watchdog_timer_fn", "asm_sysvec_apic_timer_interrupt", "spin",
                                           "ksys_read", "do_syscall_64"}));
  ASSERT_EQ(findings.size(), 1u);
  ASSERT_EQ(findings[0].frames.size(), 3u);
  EXPECT_EQ(findings[0].frames[0].function, "spin");
}

TEST(Reports, RegistersAfterTheTraceAreNotAFrame) {
  const auto findings = Detect("BUG: kernel NULL pointer dereference, address: 0000000000000008\n" +
                               StackLines({"null_read", "ksys_read"}) +
                               "---[ end trace 0123456789abcdef ]---\nRIP: 0010:null_read+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].frames.size(), 2u);
}

TEST(Reports, IdleStackIsNotTheCauseOfAnRcuStall) {
  const std::string idle =
      "rcu: INFO: rcu_sched self-detected stall on CPU\n"
      "rcu: \t1-...!: (1 GPs behind) idle=7fc4/1/0x4000000000000002 softirq=28/29 fqs=0\n" +
      StackLines({"arch_local_irq_enable", "do_idle", "cpu_startup_entry"});
  const auto alone = Detect(idle);
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(alone[0].title, "INFO: rcu detected stall in corrupted");
  EXPECT_TRUE(alone[0].corrupted);
  EXPECT_THAT(alone[0].alt_titles, ElementsAre());
  EXPECT_EQ(alone[0].cpu, 1);

  const auto after = Detect("BUG: soft lockup - CPU#0 stuck for 22s! [cat:7]\n" + On(0, "ksys_read") + idle);
  ASSERT_EQ(after.size(), 2u);
  EXPECT_THAT(after[1].alt_titles, ElementsAre("BUG: soft lockup in sys_read"));
}

constexpr std::string_view kNmi =
    "Uhhuh. NMI received for unknown reason 30 on CPU 0.\n"
    "Kernel panic - not syncing: NMI: Not continuing\n"
    "CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.12.0 #1\n"
    "Call Trace:\n <NMI>\n dump_stack_lvl+0x1/0x2\n panic+0x1/0x2\n nmi_panic+0x1/0x2\n exc_nmi+0x1/0x2\n"
    " end_repeat_nmi+0x1/0x2\n </NMI>\n <TASK>\n default_idle+0x1/0x2\n do_idle+0x1/0x2\n cpu_startup_entry+0x1/0x2\n"
    " </TASK>\n"
    "Sending NMI from CPU 0 to CPUs 1:\n"
    "NMI backtrace for cpu 1\n"
    "CPU: 1 PID: 61 Comm: dd Not tainted 6.12.0 #1\n"
    "RIP: 0010:qi_submit_sync+0x1/0x2\n"
    "Call Trace:\n <TASK>\n ksys_read+0x1/0x2\n do_syscall_64+0x1/0x2\n </TASK>\n";

TEST(Reports, InjectedNmiShowsTheHolderOfALockRatherThanItsWaiters) {
  const std::string waiter =
      "NMI backtrace for cpu 2\nCPU: 2 PID: 62 Comm: fio Not tainted 6.12.0 #1\n"
      "RIP: 0010:native_queued_spin_lock_slowpath+0x1/0x2\n"
      "Call Trace:\n <TASK>\n _raw_spin_lock_irqsave+0x1/0x2\n ksys_write+0x1/0x2\n do_syscall_64+0x1/0x2\n </TASK>\n";
  const size_t holder = kNmi.find("NMI backtrace for cpu 1");
  const std::string nmi(kNmi.substr(0, holder)), rest(kNmi.substr(holder));
  const auto both = Detect(nmi + waiter + rest);
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0].task, "dd:61");
  ASSERT_EQ(both[0].others.size(), 2u);
  const auto waiting = Detect(nmi + waiter);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].task, "fio:62");
}

TEST(Reports, InjectedNmiShowsTheStuckCpu) {
  const auto findings = Detect(kNmi);
  ASSERT_EQ(findings.size(), 1u);
  const Finding& f = findings[0];
  EXPECT_EQ(f.kind, Kind::kPanic);
  EXPECT_EQ(f.title, "kernel panic: NMI: Not continuing");
  EXPECT_THAT(f.alt_titles, ElementsAre("stall in qi_submit_sync"));
  EXPECT_EQ(f.function, "qi_submit_sync");
  EXPECT_EQ(f.cpu, 1);
  EXPECT_EQ(f.task, "dd:61");
  EXPECT_TRUE(f.nmi);
  EXPECT_TRUE(f.fatal);
  EXPECT_FALSE(f.corrupted);
  ASSERT_EQ(f.others.size(), 1u);
  EXPECT_EQ(f.others[0].function, "do_idle");
}

TEST(Reports, ProgramInterruptedByTheNmiIsNotStuck) {
  const std::string user =
      "Kernel panic - not syncing: NMI: Not continuing\n"
      "CPU: 0 PID: 1 Comm: init Not tainted 6.12.0 #1\n"
      "Call Trace:\n <TASK>\n panic+0x1/0x2\n nmi_panic+0x1/0x2\n unknown_nmi_error+0x1/0x2\n default_do_nmi+0x1/0x2\n"
      " exc_nmi+0x1/0x2\n asm_exc_nmi+0x1/0x2\n"
      "RIP: 0033:0x8dd9a0\n </TASK>\n";
  const std::string other(kNmi.substr(kNmi.find("Sending NMI")));
  const auto findings = Detect(user + other);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].function, "qi_submit_sync");
  EXPECT_EQ(findings[0].cpu, 1);

  const auto alone = Detect(user);
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_TRUE(alone[0].nmi);
  EXPECT_EQ(alone[0].function, "");
  EXPECT_THAT(alone[0].alt_titles, ElementsAre());
}

TEST(Reports, InjectedNmiIsNotPartOfThePreviousReport) {
  const auto findings = Detect(std::string(kBothSides) + std::string(kNmi));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_FALSE(findings[0].nmi);
  EXPECT_FALSE(findings[0].fatal);
  EXPECT_TRUE(findings[1].nmi);
}

TEST(Reports, WarningBeginsAtCutHere) {
  constexpr std::string_view kLog =
      "------------[ cut here ]------------\n"
      "refcount_t: underflow; use-after-free.\n"
      "WARNING: CPU: 1 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2\n";
  const auto findings = Detect(kLog);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].start_offset, 0u);
  EXPECT_EQ(findings[0].excerpt, kLog);
}

// ---- what is read beside the stack ----------------------------------------------------------------

TEST(Reports, TasksOfOneCheckAreOneFinding) {
  const auto hung = [](int pid, double time, std::string_view function) {
    std::string text = fmt::format(
        "INFO: task cat:{0} blocked for more than 120 seconds.\n      Not tainted 6.1.0 #1\n"
        "task:cat             state:D stack:0     pid:{0}  ppid:1      flags:0x00000000\nCall Trace:\n <TASK>\n"
        " __schedule+0x1/0x2\n schedule+0x1/0x2\n {1}+0x1/0x2\n </TASK>\n",
        pid, function);
    std::string timed;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at) + 1;
      timed += fmt::format("[{:12.6f}] {}", time += 0.0001, text.substr(at, end - at));
      at = end;
    }
    return timed;
  };
  const auto findings = Detect(hung(7, 300, "tide_wait") + hung(8, 300.1, "reef_wait") + hung(7, 420, "tide_wait"));
  ASSERT_EQ(findings.size(), 2u) << "the next check is another report";
  EXPECT_EQ(findings[0].title, "INFO: task hung in tide_wait");
  EXPECT_EQ(findings[0].task, "cat:7");
  ASSERT_EQ(findings[0].others.size(), 1u);
  EXPECT_EQ(findings[0].others[0].task, "cat:8");
  EXPECT_EQ(findings[0].others[0].function, "reef_wait");
  EXPECT_THAT(findings[0].alt_titles, testing::Contains("INFO: task hung in reef_wait"));
}

TEST(Reports, CsdStallIsNamedByTheLoopIfTheHandlerDoesNotRun) {
  const std::string header =
      "smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000123 ns for CPU#01 handler(info).\n";
  const auto loop = Detect(header + StackLines({"spin", "tide_irq", "asm_common_interrupt", "do_idle"}));
  ASSERT_EQ(loop.size(), 1u);
  EXPECT_EQ(loop[0].title, "BUG: CSD lock stall in spin");
  EXPECT_THAT(loop[0].alt_titles, testing::Contains("BUG: CSD lock stall in handler"));
  ASSERT_TRUE(loop[0].culprit);
  EXPECT_EQ(loop[0].culprit->function, "spin");
  const auto handler = Detect(header + StackLines({"spin", "__flush_smp_call_function_queue", "do_idle"}));
  ASSERT_EQ(handler.size(), 1u);
  EXPECT_EQ(handler[0].title, "BUG: CSD lock stall in handler");
}

TEST(Reports, TheHeadersOfOneRcuStallAreOneReport) {
  const auto findings = Detect(
      "INFO: rcu_sched self-detected stall on CPU\nINFO: rcu_sched detected stalls on CPUs/tasks:\n"
      "\t1-...: (65000 ticks this GP) idle=395/1/0 softirq=1/1 fqs=1\n" +
      StackLines({"spin", "tide_work", "process_one_work", "worker_thread"}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "INFO: rcu detected stall in tide_work");
}

TEST(Reports, AStackMayComeLate) {
  std::string log = "[    1.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n";
  for (int i = 0; i < 100; ++i) log += fmt::format("[    2.{:06}] eth0: link is up\n", i);
  std::string stack;
  for (const std::string_view line : {"CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1", "Call Trace:", " spin+0x1/0x2",
                                      " tide_work+0x1/0x2", " process_one_work+0x1/0x2"}) {
    stack += fmt::format("[    3.000000] {}\n", line);
  }
  const auto late = Detect(log + stack);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].title, "BUG: soft lockup in tide_work");
  const auto too_late = Detect(log + "[   20.000000] eth0: link is down\n" + stack);
  ASSERT_EQ(too_late.size(), 1u);
  EXPECT_TRUE(too_late[0].corrupted) << "the report had ended";
}

TEST(Reports, GuessedFramesCountIfThereAreNoOthers) {
  const auto findings = Detect(
      "BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\nCPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1\nCall Trace:\n"
      " ? spin+0x1/0x2\n ? __pfx_tide_work+0x1/0x2\n ? tide_work+0x1/0x2\n ? process_one_work+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: soft lockup in tide_work");
}

TEST(Reports, GuessedFramesCountIfTheReliableOnesAreHelpers) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"RIP: 0010:_raw_spin_lock+0x1/0x2\nCall Trace:\n ? tide_spin+0x1/0x2\n ? tide_work+0x1/0x2\n"
       " ? process_one_work+0x1/0x2\n",
       "_raw_spin_lock tide_spin tide_work process_one_work "},
      {"Call Trace:\n <IRQ> [<ffffffff81012345>] ? tide_spin+0x1/0x2\n ? tide_work+0x1/0x2\n"
       " <EOI> [<ffffffff81012345>] ? process_one_work+0x1/0x2\n ? worker_thread+0x1/0x2\n",
       "tide_spin tide_work process_one_work worker_thread "},
      // Leftovers of earlier calls and addresses of functions are not callers.
      {"Call Trace:\n ? stale+0x1/0x2\n _raw_spin_lock+0x1/0x2\n ? tide_work+0x1/0x2\n ? tide_end+0x2/0x2\n"
       " ? tide_begin+0x0/0x2\n ? __pfx_tide_pad+0x1/0x2\n ? process_one_work+0x1/0x2\n",
       "_raw_spin_lock tide_work process_one_work "},
      {"RIP: 0010:_raw_spin_lock+0x1/0x2\nCall Trace:\n ? stale+0x1/0x2\n tide_work+0x1/0x2\n"
       " process_one_work+0x1/0x2\n",
       "_raw_spin_lock tide_work process_one_work "},
  };
  for (const auto& [stack, frames] : cases) {
    const auto findings =
        Detect("BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\nCPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1\n" +
               std::string(stack));
    ASSERT_EQ(findings.size(), 1u) << stack;
    EXPECT_EQ(findings[0].title, "BUG: soft lockup in tide_work") << stack;
    std::string functions;
    for (const Frame& frame : findings[0].frames) functions.append(frame.function).append(" ");
    EXPECT_EQ(functions, frames);
  }
}

TEST(Reports, GuessedFramesOfTwoCpusAreNotOneStack) {
  const auto findings = Detect(
      "watchdog: Watchdog detected hard LOCKUP on cpu 2\nNMI backtrace for cpu 1\nCall Trace:\n ? reef_wait+0x1/0x2\n"
      "NMI backtrace for cpu 2\nPid: 7, comm: cat Not tainted 3.2.0 #1\nCall Trace:\n ? tide_spin+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: hard lockup in tide_spin");
  EXPECT_EQ(findings[0].task, "cat:7");
  EXPECT_EQ(findings[0].frames.size(), 1u);
}

TEST(Reports, CsdStallOfACpuOnItsWayToUserSpaceIsNamedByTheHandler) {
  const auto findings = Detect(
      "csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000123 ns for CPU#01 handler\n"
      "Task dump for CPU 1:\nCall Trace:\n ? __schedule+0x1/0x2\n ? context_tracking_user_enter+0x1/0x2\n"
      " ? schedule_user+0x1/0x2\n ? retint_careful+0x1/0x2\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: CSD lock stall in handler");
}

TEST(Reports, WatchdogOfANetworkDeviceIsOneFindingWhereverItsTextIs) {
  const std::string text = "NETDEV WATCHDOG: eth0 (tidenet): transmit queue 0 timed out\n";
  const std::string old = "WARNING: CPU: 1 PID: 7 at net/sched/sch_generic.c:264 dev_watchdog+0x276/0x280()\n";
  const std::string stack = StackLines({"dump_stack", "warn_slowpath_fmt", "dev_watchdog", "call_timer_fn"});
  for (const std::string& log :
       {text + "WARNING: CPU: 1 PID: 7 at net/sched/sch_generic.c:525 dev_watchdog+0x224/0x230\n" + stack,
        text + "WARNING: net/sched/sch_generic.c:525 at dev_watchdog+0x224/0x230, CPU#1: cat/7\n" + stack,
        old + text + stack, "WARNING: at net/sched/sch_generic.c:261 dev_watchdog+0x26b/0x280()\n" + text + stack}) {
    const auto findings = Detect(log);
    ASSERT_EQ(findings.size(), 1u) << log;
    EXPECT_EQ(findings[0].kind, Kind::kWarning) << log;
    EXPECT_EQ(findings[0].title, "WARNING in dev_watchdog") << log;
    EXPECT_THAT(findings[0].alt_titles, testing::Contains("NETDEV WATCHDOG: transmit queue timed out")) << log;
    EXPECT_EQ(findings[0].function, "dev_watchdog") << log;
    EXPECT_EQ(findings[0].cpu, 1) << log;
    EXPECT_EQ(findings[0].frames.size(), 4u) << log;
  }
  EXPECT_EQ(Detect(text + text).size(), 2u) << "the text alone";
}

TEST(Reports, OldOopsesNameTheCpuAndTheKernel) {
  const std::string header = "BUG: unable to handle kernel NULL pointer dereference at 00000004\n";
  for (const std::string_view task :
       {"IP: [<f80c41c2>] tide_unlink+0x12/0x60\nPid: 7, comm: cat Tainted: G        W  (2.6.30-2-686 #1) X5\n"
        "EIP: 0060:[<f80c41c2>] EFLAGS: 00010246 CPU: 1\nEIP is at tide_unlink+0x12/0x60\n",
        "IP: [<ffffffff81012345>] tide_unlink+0x12/0x60\nCPU 1 \nModules linked in:\n\n"
        "Pid: 7, comm: cat Tainted: G        W  2.6.30-2-686 #1\n"
        "RIP: 0010:[<ffffffff81012345>]  [<ffffffff81012345>] tide_unlink+0x12/0x60\n"}) {
    const auto findings = Detect(header + std::string(task));
    ASSERT_EQ(findings.size(), 1u) << task;
    EXPECT_EQ(findings[0].title, "BUG: unable to handle kernel NULL pointer dereference in tide_unlink") << task;
    EXPECT_EQ(findings[0].cpu, 1) << task;
    EXPECT_EQ(findings[0].task, "cat:7") << task;
    EXPECT_EQ(findings[0].taint, "Tainted: G W") << task;
    EXPECT_EQ(findings[0].kernel_release, "2.6.30-2-686") << task;
  }
}

TEST(Reports, WarningOnOldArmHasItsStack) {
  const auto findings = Detect(
      "WARNING: CPU: 0 PID: 7 at drivers/tide.c:12 tide_open+0x30/0x3c\nModules linked in:\n"
      "CPU: 0 PID: 7 Comm: cat Not tainted 4.4.0 #1\nHardware name: Tide (Flattened Device Tree)\n"
      "[<8002a2e0>] (unwind_backtrace) from [<800289a4>] (show_stack+0x10/0x14)\n"
      "[<800289a4>] (show_stack) from [<8048bd20>] (tide_open+0x30/0x3c)\n"
      "[<8048bd20>] (tide_open) from [<80075028>] (chrdev_open+0x30/0x110)\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].task, "cat:7");
  ASSERT_EQ(findings[0].frames.size(), 3u);
  EXPECT_EQ(findings[0].frames[2].function, "tide_open");
}

TEST(Reports, RcuStallWithoutAStalledCpuIsNamedByTheCpuWhereTheKthreadLastRan) {
  const std::string log =
      "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\nrcu: \t(detected by 0, t=12017 jiffies, g=1077, q=3)\n"
      "rcu: All QSes seen, last rcu_preempt kthread activity 12013 (429469-429468), jiffies_till_next_fqs=3\n"
      "rcu: RCU grace-period kthread stack dump:\ntask:rcu_preempt state:R stack:0 pid:15 ppid:2 flags:0x4000\n"
      "Call Trace:\n schedule+0x1/0x2\n rcu_gp_kthread+0x1/0x2\n kthread+0x1/0x2\n"
      "rcu: Stack dump where RCU GP kthread last ran:\n";
  const auto findings = Detect(log + StackLines({"spin", "tide_work", "process_one_work", "worker_thread"}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].kind, Kind::kRcuStall);
  EXPECT_EQ(findings[0].title, "INFO: rcu detected stall in tide_work");
  EXPECT_EQ(findings[0].cpu, 1);
  for (const auto& stack : {StackLines({"default_idle", "do_idle", "cpu_startup_entry"}),
                            StackLines({"__switch_to", "stale", "process_one_work", "worker_thread"})}) {
    const auto nothing = Detect(log + stack);
    ASSERT_EQ(nothing.size(), 1u) << stack;
    EXPECT_EQ(nothing[0].title, "INFO: rcu detected stall in corrupted") << stack;
  }
}

TEST(Reports, ModulesAndArchitectureAreRead) {
  const auto findings = Detect(
      "general protection fault: 0000 [#1] SMP\nModules linked in: tide(OE) reef-core shoal(+) [last unloaded: ebb]\n"
      "RIP: 0010:tide_read+0x1/0x2 [tide]\n" +
      StackLines({"tide_read"}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].modules, ElementsAre("tide", "reef-core", "shoal"));
  EXPECT_EQ(findings[0].architecture, "x86_64");
}

TEST(Reports, AJumpToNowhereIsNamedByItsCaller) {
  const auto findings = Detect(
      "Unable to handle kernel paging request at virtual address 00740070\n"
      "Internal error: Oops: 80000206 [#1] SMP ARM\nCPU: 1 PID: 7 Comm: cat Not tainted 4.9.1 #2\nPC is at 0x740070\n"
      "LR is at tide_read+0x1c/0x28\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].function, "tide_read");
  EXPECT_EQ(findings[0].architecture, "armv7l");
}

TEST(Reports, MessagesInOneLineAreRead) {
  const auto findings = Detect(
      "[   76.470085] cat: vmalloc: allocation failure: 34 bytes[   76.471107] BUG: unable to handle kernel paging "
      "request at ffff888012345678\n[   76.471114] IP: [<ffffffff82123456>] tide_ioctl+0x12/0x34\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].title, "BUG: unable to handle kernel paging request in tide_ioctl");
  EXPECT_THAT(Detect("[   76.000000] cat: at [    1.000000] Kernel panic - not syncing: x\n"), testing::IsEmpty())
      << "a time that is mentioned is not that of a message";
}

}  // namespace
}  // namespace lk::detect
