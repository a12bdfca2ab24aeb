// SPDX-License-Identifier: Apache-2.0
#include "server/detect/walk.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "server/detect/functions.h"

namespace lk::detect {
namespace {

// The functions, innermost first, separated by blanks.
Stack StackOf(std::string_view functions) {
  Stack stack;
  std::istringstream words{std::string(functions)};
  for (std::string function; words >> function;) {
    stack.frames.push_back({{.function = function, .offset = 1, .module = "", .location = ""}, RolesOf(function)});
  }
  return stack;
}

struct NameCase {
  std::string_view what, stack, name;
};

void ExpectNames(Walk walk, std::initializer_list<NameCase> cases) {
  for (const NameCase& c : cases) EXPECT_EQ(NameOf(StackOf(c.stack), walk), c.name) << c.what;
}

TEST(NameOf, StallIsNamedByWhatTheInnermostDispatcherHasCalled) {
  ExpectNames(
      Walk::kStall,
      {{"x86", "spin tide_write vfs_write ksys_write do_syscall_64 entry_SYSCALL_64_after_hwframe", "tide_write"},
       {"arm64", "spin tide_ioctl __arm64_sys_ioctl invoke_syscall el0_svc_common.constprop.0 do_el0_svc",
        "tide_ioctl"},
       {"powerpc", "spin tide_ioctl sys_ioctl system_call_exception system_call_vectored_common", "tide_ioctl"},
       {"riscv", "spin tide_ioctl __riscv_sys_ioctl do_trap_ecall_u", "tide_ioctl"},
       {"s390", "spin tide_ioctl __s390x_sys_ioctl __do_syscall system_call", "tide_ioctl"},
       {"arm", "spin tide_ioctl sys_ioctl ret_fast_syscall", "tide_ioctl"},
       {"2.6.32", "spin tide_ioctl vfs_ioctl do_vfs_ioctl sys_ioctl system_call_fastpath", "tide_ioctl"},
       {"a system call outside the VFS", "spin tide_wait __x64_sys_tide do_syscall_64", "tide_wait"},
       {"the body of a system call", "spin do_tide __x64_sys_tide do_syscall_64", "sys_tide"},
       {"only the system call", "clear_page_erms __x64_sys_madvise do_syscall_64", "sys_madvise"},
       {"procfs", "spin tide_show seq_read_iter proc_reg_read_iter vfs_read ksys_read do_syscall_64", "tide_show"},
       {"a socket", "spin tide_sendmsg sock_sendmsg ____sys_sendmsg ___sys_sendmsg __sys_sendmsg do_syscall_64",
        "tide_sendmsg"},
       {"the last close", "spin tide_release __fput task_work_run exit_to_user_mode_loop do_syscall_64",
        "tide_release"},
       {"exec", "spin tide_map mmap_region do_mmap vm_mmap_pgoff elf_map load_elf_binary bprm_execve", "tide_map"},
       {"a work item", "spin tide_work process_one_work worker_thread kthread ret_from_fork", "tide_work"},
       {"a thread", "spin tide_thread kthread ret_from_fork ret_from_fork_asm", "tide_thread"},
       {"a threaded interrupt", "spin tide_irq_fn irq_thread_fn irq_thread kthread", "tide_irq_fn"},
       {"an initcall", "spin tide_init do_one_initcall do_init_module load_module __do_sys_finit_module", "tide_init"},
       {"the boot", "spin tide_setup start_kernel x86_64_start_reservations", "tide_setup"},
       {"a probe", "spin tide_probe local_pci_probe pci_device_probe really_probe __driver_probe_device", "tide_probe"},
       {"an idle CPU", "native_halt default_idle do_idle cpu_startup_entry start_secondary", "do_idle"},
       {"a page fault in a driver's mapping",
        "spin tide_vma_fault __do_fault do_fault __handle_mm_fault handle_mm_fault do_user_addr_fault exc_page_fault "
        "asm_exc_page_fault",
        "tide_vma_fault"},
       {"a page fault of memory",
        "clear_page_erms handle_mm_fault do_user_addr_fault exc_page_fault "
        "asm_exc_page_fault",
        "handle_mm_fault"},
       {"a page fault in a system call",
        "spin tide_vma_fault __do_fault handle_mm_fault exc_page_fault asm_exc_page_fault rep_movs_alternative "
        "tide_read vfs_read ksys_read do_syscall_64",
        "tide_vma_fault"}});
}

TEST(NameOf, StallIsNamedBelowTheLayersOfTheKernel) {
  ExpectNames(
      Walk::kStall,
      {{"a method of an inode", "spin tidefs_rename vfs_rename do_renameat2 __x64_sys_rename do_syscall_64",
        "tidefs_rename"},
       {"a lookup", "spin tidefs_lookup __lookup_slow walk_component path_lookupat filename_lookup do_syscall_64",
        "tidefs_lookup"},
       {"an attribute", "spin tidefs_xattr_get __vfs_getxattr vfs_getxattr do_getxattr do_syscall_64",
        "tidefs_xattr_get"},
       {"the end of an inode", "spin tidefs_evict_inode evict do_unlinkat __x64_sys_unlink do_syscall_64",
        "tidefs_evict_inode"},
       {"writeback",
        "spin tidefs_writepages do_writepages __writeback_single_inode writeback_sb_inodes wb_writeback wb_workfn "
        "process_one_work worker_thread kthread",
        "tidefs_writepages"},
       {"writeback itself", "_raw_spin_lock writeback_sb_inodes wb_writeback process_one_work worker_thread",
        "wb_writeback"},
       {"reclaim", "spin tide_count_objects do_shrink_slab shrink_slab shrink_node balance_pgdat kswapd kthread",
        "tide_count_objects"},
       {"a mirror of page tables",
        "spin tide_invalidate mn_hlist_invalidate_range_start __mmu_notifier_invalidate_range_start zap_tide "
        "do_syscall_64",
        "tide_invalidate"},
       {"a block device",
        "spin tide_queue_rq blk_mq_dispatch_rq_list __blk_mq_sched_dispatch_requests blk_mq_run_hw_queue "
        "blk_mq_submit_bio tidefs_read_folio vfs_read ksys_read",
        "tide_queue_rq"},
       {"a line discipline",
        "spin tide_receive_buf tty_ldisc_receive_buf tty_port_default_receive_buf flush_to_ldisc process_one_work",
        "tide_receive_buf"},
       {"power management", "spin tide_resume pci_pm_runtime_resume __rpm_callback rpm_resume __pm_runtime_resume x",
        "tide_resume"},
       {"a thread of a subsystem", "spin tided md_thread kthread ret_from_fork", "tided"},
       {"the configuration of a device",
        "spin tide_ndo_open __dev_open __dev_change_flags do_setlink rtnetlink_rcv_msg", "tide_ndo_open"}});
}

TEST(NameOf, StallInAnInterruptIsNamedByItsHandler) {
  ExpectNames(
      Walk::kStall,
      {{"an interrupt",
        "spin tide_irq __handle_irq_event_percpu handle_irq_event handle_edge_irq __common_interrupt "
        "common_interrupt asm_common_interrupt tide_write vfs_write ksys_write",
        "tide_irq"},
       {"a softirq",
        "spin tide_poll __napi_poll net_rx_action handle_softirqs __irq_exit_rcu common_interrupt "
        "asm_common_interrupt tide_write vfs_write",
        "tide_poll"},
       {"ksoftirqd", "spin tide_poll __napi_poll net_rx_action handle_softirqs run_ksoftirqd smpboot_thread_fn",
        "tide_poll"},
       {"a timer",
        "spin tide_timer call_timer_fn __run_timers run_timer_softirq __do_softirq irq_exit_rcu "
        "sysvec_apic_timer_interrupt asm_sysvec_apic_timer_interrupt do_idle",
        "tide_timer"},
       {"an hrtimer",
        "spin tide_hrtimer __hrtimer_run_queues hrtimer_interrupt sysvec_apic_timer_interrupt "
        "asm_sysvec_apic_timer_interrupt do_idle",
        "tide_hrtimer"},
       {"an RCU callback",
        "spin tide_free_rcu rcu_do_batch rcu_core __do_softirq irq_exit_rcu asm_sysvec_apic_timer_"
        "interrupt do_idle",
        "tide_free_rcu"},
       {"a cross-call",
        "spin tide_ipi __flush_smp_call_function_queue __sysvec_call_function asm_sysvec_call_function "
        "do_idle",
        "tide_ipi"},
       {"an interrupt in an interrupt",
        "spin tide_irq handle_irq_event asm_common_interrupt spin tide_poll net_rx_action asm_common_interrupt do_idle",
        "tide_irq"},
       {"the tick, which is not stuck",
        "update_process_times tick_nohz_handler __hrtimer_run_queues hrtimer_interrupt asm_sysvec_apic_timer_interrupt "
        "spin tide_work process_one_work",
        "tide_work"},
       {"the end of an interrupt",
        "_raw_spin_unlock_irqrestore handle_softirqs irq_exit_rcu asm_sysvec_apic_timer_interrupt spin tide_work "
        "process_one_work",
        "tide_work"}});
}

TEST(NameOf, StallIsNamedByWhatWasPreempted) {
  ExpectNames(Walk::kStall,
              {{"by an interrupt",
                "__schedule preempt_schedule_irq irqentry_exit asm_sysvec_apic_timer_interrupt spin "
                "tide_work process_one_work",
                "tide_work"},
               {"when preemption was enabled",
                "__schedule preempt_schedule_common preempt_schedule_thunk spin "
                "tide_work process_one_work",
                "tide_work"},
               {"at a preemption point", "__schedule __cond_resched tide_scan vfs_write ksys_write", "tide_scan"},
               {"and by an interrupt in the scheduler, which is stuck",
                "_raw_spin_lock tide_timer __hrtimer_run_queues hrtimer_run_softirq __do_softirq irq_exit_rcu "
                "asm_sysvec_apic_timer_interrupt finish_task_switch __schedule preempt_schedule_common "
                "preempt_schedule_thunk tide_scan vfs_write ksys_write",
                "tide_timer"}});
}

TEST(NameOf, StallIsNotNamedByWhatEveryInterruptDoes) {
  ExpectNames(Walk::kStall,
              {{"a wake-up",
                "select_task_rq_fair try_to_wake_up complete_with_flags __flush_smp_call_function_queue "
                "sysvec_call_function_single asm_sysvec_call_function_single tide_scan vfs_write ksys_write",
                "tide_scan"},
               {"the queue of timers",
                "rb_insert_color timerqueue_add enqueue_hrtimer __hrtimer_run_queues hrtimer_interrupt "
                "asm_sysvec_apic_timer_interrupt tide_scan vfs_write ksys_write",
                "tide_scan"},
               {"the time of a task",
                "update_curr task_tick_fair sched_tick update_process_times tick_nohz_handler hrtimer_interrupt "
                "asm_sysvec_apic_timer_interrupt tide_scan vfs_write ksys_write",
                "tide_scan"}});
}

TEST(NameOf, StallInThePageAllocatorIsNamedByWhatTheAllocatorHasCalled) {
  ExpectNames(
      Walk::kStall,
      {{"in a softirq",
        "_raw_spin_unlock_irqrestore tide_take tide_grow get_page_from_freelist __alloc_pages_noprof napi_alloc_skb "
        "tide_fill tide_poll __napi_poll net_rx_action handle_softirqs asm_common_interrupt do_idle",
        "tide_grow"},
       {"reclaim",
        "spin shrink_folio_list shrink_lruvec shrink_node try_to_free_pages __alloc_pages_slowpath.constprop.0 "
        "__alloc_pages tide_fill tide_write vfs_write do_syscall_64",
        "shrink_lruvec"},
       {"a shrinker",
        "spin tide_shrink do_shrink_slab shrink_node try_to_free_pages __alloc_pages_slowpath.constprop.0 "
        "__alloc_pages tide_fill tide_write vfs_write do_syscall_64",
        "tide_shrink"},
       {"the allocator itself",
        "_raw_spin_lock rmqueue_bulk rmqueue get_page_from_freelist __alloc_pages_noprof alloc_pages_noprof tide_fill "
        "tide_poll __napi_poll net_rx_action handle_softirqs asm_common_interrupt do_idle",
        "tide_poll"},
       {"freeing", "tide_hook __free_pages tide_drop tide_poll __napi_poll net_rx_action", "tide_poll"}});
  ExpectNames(Walk::kSpin, {{"a lock of the allocator",
                             "native_queued_spin_lock_slowpath _raw_spin_lock_irqsave rmqueue_bulk rmqueue "
                             "get_page_from_freelist __alloc_pages_noprof tide_fill",
                             "rmqueue_bulk"}});
}

TEST(NameOf, StallWithoutADispatcherIsNamedByTheCallerOfACrossCall) {
  ExpectNames(Walk::kStall,
              {{"", "csd_lock_wait smp_call_function_many_cond on_each_cpu_cond_mask mtrr_set x", "mtrr_set"}});
}

TEST(NameOf, StopperIsNamedByItsHandlerUnlessTheStopperWaits) {
  ExpectNames(
      Walk::kStall,
      {{"", "delay_tsc rendezvous multi_cpu_stop cpu_stopper_thread smpboot_thread_fn", "rendezvous"},
       {"", "stop_machine_yield multi_cpu_stop cpu_stopper_thread smpboot_thread_fn kthread", "cpu_stopper_thread"},
       {"", "rcu_momentary_eqs multi_cpu_stop cpu_stopper_thread smpboot_thread_fn kthread", "cpu_stopper_thread"},
       {"", "multi_cpu_stop multi_cpu_stop cpu_stopper_thread smpboot_thread_fn kthread", "cpu_stopper_thread"}});
}

// Interrupts are off, so the innermost function is the loop.
TEST(NameOf, SpinningCpuIsNamedByItsLoop) {
  ExpectNames(
      Walk::kSpin,
      {{"a loop", "tide_wait_hw tide_submit vfs_ioctl __x64_sys_ioctl do_syscall_64", "tide_wait_hw"},
       {"a lock", "native_queued_spin_lock_slowpath _raw_spin_lock_irqsave tide_take tide_submit do_syscall_64",
        "tide_take"},
       {"a paravirtual lock", "kvm_wait __pv_queued_spin_lock_slowpath _raw_spin_lock_irq tide_take tide_submit",
        "tide_take"},
       {"a delay", "delay_tsc __const_udelay tide_wait_hw tide_submit", "tide_wait_hw"},
       {"a cross-call", "csd_lock_wait smp_call_function_many_cond on_each_cpu_cond_mask tide_flush do_syscall_64",
        "tide_flush"},
       {"the NMI", "dump_stack panic nmi_panic unknown_nmi_error exc_nmi end_repeat_nmi tide_wait_hw tide_submit",
        "tide_wait_hw"}});
}

TEST(NameOf, BlockedTaskIsNamedByTheWaiter) {
  ExpectNames(
      Walk::kBlocked,
      {{"a mutex",
        "__schedule schedule schedule_preempt_disabled __mutex_lock.constprop.0 mutex_lock tide_write "
        "vfs_write do_syscall_64",
        "tide_write"},
       {"a semaphore", "__schedule schedule rwsem_down_write_slowpath down_write do_tide do_syscall_64", "do_tide"},
       {"an RT lock", "__schedule schedule_rtlock rtlock_slowlock_locked rt_spin_lock do_tide kthread", "do_tide"},
       {"a completion", "__schedule schedule schedule_timeout __wait_for_common wait_for_completion tide_sync kthread",
        "tide_sync"},
       {"vfork", "__schedule schedule schedule_timeout __wait_for_common kernel_clone __do_sys_vfork do_syscall_64",
        "kernel_clone"},
       {"a page", "__schedule schedule io_schedule folio_wait_bit_common tide_read_folio do_syscall_64",
        "tide_read_folio"},
       {"a grace period",
        "__schedule schedule schedule_timeout __wait_for_common __wait_rcu_gp synchronize_rcu "
        "tide_unhook do_syscall_64",
        "tide_unhook"},
       {"work",
        "__schedule schedule schedule_timeout __wait_for_common __flush_work cancel_work_sync tide_stop kthread",
        "tide_stop"},
       {"time", "__schedule schedule schedule_timeout msleep tide_poll_thread kthread", "tide_poll_thread"},
       {"the users of an object", "__schedule schedule blk_mq_freeze_queue_wait tide_resize do_syscall_64",
        "tide_resize"},
       {"only waits", "__schedule schedule synchronize_rcu do_syscall_64", "synchronize_rcu"}});
}

TEST(NameOf, OverflownStackIsNamedByWhatTheTaskBeganWith) {
  ExpectNames(
      Walk::kOverflow,
      {{"", "tide_walk tide_walk tide_walk tide_lookup tide_open vfs_open path_openat do_filp_open do_syscall_64",
        "tide_open"},
       {"", "tide_walk tide_walk tide_work process_one_work worker_thread kthread", "tide_work"},
       {"preempted in a helper",
        "__schedule preempt_schedule_notrace ___preempt_schedule_notrace rcu_is_watching iput __fput task_work_run",
        "iput"},
       {"preempted elsewhere", "__schedule preempt_schedule tide_walk tide_open vfs_open path_openat do_syscall_64",
        "tide_open"}});
}

TEST(NameOf, FaultIsNamedByTheFirstFrameThatIsNotAHelper) {
  ExpectNames(Walk::kFault,
              {{"", "dump_stack_lvl __might_resched rt_spin_lock its_cpu_init", "its_cpu_init"},
               {"", "memcpy_erms copy_it", "copy_it"},
               {"", "refcount_warn_saturate tide_put tide_close", "tide_put"},
               {"", "kasan_report __asan_load8 tide_get tide_open", "tide_get"},
               {"only helpers", "dump_stack_lvl __might_resched mutex_lock do_syscall_64", "mutex_lock"}});
}

TEST(WaitOf, IsWhatTheCallerWaitsFor) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"__schedule schedule schedule_timeout __wait_for_common __wait_rcu_gp synchronize_rcu tide_unhook",
       "synchronize_rcu"},
      {"__schedule schedule __wait_for_common __flush_work tide_stop", "__flush_work"},
      {"__schedule schedule rcu_barrier tide_exit", "rcu_barrier"},
      {"csd_lock_wait smp_call_function_many_cond on_each_cpu_cond_mask tide_flush", "csd_lock_wait"},
      {"__schedule schedule lock_sock_nested tide_sendmsg", "lock_sock_nested"},
      {"__schedule schedule schedule_preempt_disabled __mutex_lock tide_write", ""},
      {"tide_loop synchronize_rcu", ""},
      {"", ""},
  };
  for (const auto& [stack, wait] : cases) EXPECT_EQ(WaitOf(StackOf(stack)), wait) << stack;
}

TEST(WaiterOf, DoesNotWaitByItsName) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"__schedule schedule tide_wait_idle __tide_iowait tide_sync do_syscall_64", "tide_sync"},
      {"__schedule schedule __mutex_lock tide_write do_syscall_64", "tide_write"},
      {"__schedule schedule tide_wait_idle kthread ret_from_fork", ""},
      {"", ""},
  };
  for (const auto& [stack, waiter] : cases) EXPECT_EQ(WaiterOf(StackOf(stack)), waiter) << stack;
}

TEST(OuterNameOf, IsTheSubsystemThatWasInterruptedOrHasCalled) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"spin tide_irq handle_irq_event asm_common_interrupt tide_read vfs_read ksys_read do_syscall_64", "tide_read"},
      {"spin tide_irq handle_irq_event asm_common_interrupt default_idle do_idle cpu_startup_entry", ""},
      {"spin tide_bus_probe really_probe __driver_probe_device bus_probe_device tide_scan process_one_work",
       "tide_scan"},
      {"spin tide_thread kthread ret_from_fork", ""},
      {"", ""},
  };
  for (const auto& [stack, name] : cases) EXPECT_EQ(OuterNameOf(StackOf(stack)), name) << stack;
}

TEST(TaskEntryOf, IsTheOutermostFunctionAfterTheEntry) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"spin tide_write vfs_write ksys_write do_syscall_64 entry_SYSCALL_64_after_hwframe", "sys_write"},
      {"spin tide_ioctl __arm64_sys_ioctl invoke_syscall el0_svc_common.constprop.0 do_el0_svc el0_svc", "sys_ioctl"},
      {"spin tide_fn tide_work process_one_work worker_thread kthread ret_from_fork", "tide_work"},
      {"spin tide_fn tide_thread kthread ret_from_fork", "tide_thread"},
      {"spin tide_irq handle_irq_event asm_common_interrupt tide_read vfs_read ksys_read do_syscall_64", "sys_read"},
      {"spin tide_release __fput task_work_run exit_to_user_mode_loop syscall_exit_to_user_mode do_syscall_64",
       "task_work_run"},
      {"spin do_signal exit_to_user_mode_loop do_syscall_64", "do_signal"},
      {"native_halt default_idle do_idle cpu_startup_entry start_secondary", ""},
      {"do_syscall_64 entry_SYSCALL_64_after_hwframe", ""},
      {"", ""},
  };
  for (const auto& [stack, entry] : cases) EXPECT_EQ(TaskEntryOf(StackOf(stack)), entry) << stack;
}

TEST(ReporterFrames, AreThoseOfTheInterruptThatInspectsTheCpu) {
  EXPECT_EQ(ReporterFrames(StackOf("dump_stack watchdog_timer_fn asm_sysvec_apic_timer_interrupt spin ksys_read")), 3u);
  EXPECT_EQ(ReporterFrames(StackOf("nmi_cpu_backtrace exc_nmi end_repeat_nmi tide_irq asm_common_interrupt do_idle")),
            3u);
  EXPECT_EQ(ReporterFrames(StackOf("tide_irq handle_irq_event asm_common_interrupt do_idle")), 0u);
  EXPECT_EQ(ReporterFrames(StackOf("dump_stack tide_work process_one_work")), 0u);
}

TEST(Walks, TellWhatTheCpuWasDoing) {
  EXPECT_TRUE(IsIdle(StackOf("native_halt default_idle do_idle cpu_startup_entry start_secondary")));
  EXPECT_FALSE(IsIdle(StackOf("tide_irq handle_irq_event asm_common_interrupt default_idle do_idle")));
  EXPECT_FALSE(IsIdle(StackOf("tide_work process_one_work")));
  EXPECT_TRUE(IsSpinning(StackOf("native_queued_spin_lock_slowpath _raw_spin_lock tide_take")));
  EXPECT_TRUE(IsSpinning(StackOf("panic exc_nmi end_repeat_nmi _raw_spin_lock tide_take")));
  EXPECT_FALSE(IsSpinning(StackOf("tide_take _raw_spin_lock")));
  EXPECT_FALSE(IsSpinning(StackOf("")));
  EXPECT_TRUE(IsInUserMode(StackOf("panic nmi_panic exc_nmi asm_exc_nmi")));
  EXPECT_FALSE(IsInUserMode(StackOf("panic nmi_panic exc_nmi asm_exc_nmi tide_work")));
  EXPECT_TRUE(IsHelper("memcpy"));
  EXPECT_TRUE(IsHelper("smp_call_function_many_cond"));
  EXPECT_FALSE(IsHelper("tide_copy"));
}

}  // namespace
}  // namespace lk::detect
