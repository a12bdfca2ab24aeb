// SPDX-License-Identifier: Apache-2.0
#include "server/detect/walk.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "server/detect/names.h"
#include "server/detect/title.h"

namespace lk::detect {
namespace {

using Frames = std::span<const Frame>;

// Entry points of the kernel and its threads, which are on the stack whatever runs above them.
const Names& Anchors() {
  static const Names names = {"entry_SYSCALL*",
                              "entry_SYSENTER*",
                              "entry_INT80*",
                              "asm_int80*",
                              "do_int80*",
                              "int80_emulation*",
                              "do_syscall_*",
                              "x64_sys_call",
                              "ia32_sys_call",
                              "do_fast_syscall_32",
                              "__do_fast_syscall_32",
                              "do_SYSENTER_32",
                              "el0_*",
                              "el0t_*",
                              "do_el0_svc*",
                              "invoke_syscall",
                              "__invoke_syscall",
                              "ret_fast_syscall",
                              "process_one_work",
                              "process_scheduled_works",
                              "worker_thread",
                              "kthread_worker_fn",
                              "irq_thread*",
                              "irq_forced_thread_fn",
                              "smpboot_thread_fn",
                              "kthread",
                              "ret_from_fork*",
                              "cpu_startup_entry",
                              "start_secondary",
                              "secondary_startup*",
                              "secondary_start_kernel",
                              "__secondary_switched",
                              "start_kernel",
                              "rest_init",
                              "kernel_init",
                              "kernel_init_freeable",
                              "do_one_initcall",
                              "do_initcalls"};
  return names;
}

// Functions that call handlers of timers, interrupts, cross-CPU calls, stoppers, CPU hotplug states and page faults. If
// a handler does not return, the handler is stuck rather than the code that it interrupted.
const Names& Dispatchers() {
  static const Names names = {"handle_softirqs",
                              "__do_softirq",
                              "call_timer_fn",
                              "expire_timers",
                              "__run_timers*",
                              "run_timer_softirq",
                              "__hrtimer_run_queues",
                              "__run_hrtimer",
                              "tasklet_action_common",
                              "rcu_do_batch",
                              "__napi_poll",
                              "__handle_irq_event_percpu",
                              "handle_irq_event_percpu",
                              "irq_work_single",
                              "irq_work_run_list",
                              "flush_smp_call_function_queue",
                              "__flush_smp_call_function_queue",
                              "multi_cpu_stop",
                              "cpu_stopper_thread",
                              "cpuhp_invoke_callback*",
                              "do_user_addr_fault",
                              "exc_page_fault",
                              "asm_exc_page_fault",
                              "do_page_fault",
                              "__do_page_fault",
                              "page_fault",
                              "async_page_fault",
                              "do_async_page_fault",
                              "do_mem_abort",
                              "do_translation_fault",
                              "el1_abort",
                              "el1h_64_sync*"};
  return names;
}

// The tick. It is on many stacks because it runs the stall detectors, and is never the stuck code.
const Names& Ticks() {
  static const Names names = {"tick_sched_timer",  "tick_nohz_handler", "tick_nohz_highres_handler",
                              "watchdog_timer_fn", "timer_interrupt",   "arch_timer_handler_*"};
  return names;
}

// Entry points of interrupts and NMIs.
const Names& InterruptEntries() {
  static const Names names = {"asm_exc_nmi",      "end_repeat_nmi",       "nmi",
                              "asm_sysvec_*",     "asm_common_interrupt", "apic_timer_interrupt",
                              "common_interrupt", "ret_from_intr",        "call_function_interrupt",
                              "el1_irq",          "el1h_64_irq",          "el1h_64_fiq"};
  return names;
}

// Functions that inspect a CPU from an interrupt or NMI on that CPU.
const Names& Reporters() {
  static const Names names = {"dump_stack*",
                              "show_stack",
                              "show_regs",
                              "dump_backtrace",
                              "dump_cpu_task",
                              "nmi_cpu_backtrace*",
                              "nmi_trigger_cpumask_backtrace",
                              "rcu_dump_cpu_stacks",
                              "rcu_sched_clock_irq",
                              "rcu_check_callbacks",
                              "watchdog_timer_fn",
                              "watchdog_overflow_callback",
                              "watchdog_hardlockup_check",
                              "panic",
                              "vpanic",
                              "nmi_panic",
                              "unknown_nmi_error",
                              "default_do_nmi",
                              "exc_nmi",
                              "do_nmi",
                              "ipi_handler",
                              "cpu_backtrace*"};
  return names;
}

const Names& IdleLoop() {
  static const Names names = {"do_idle", "default_idle*", "cpu_idle_loop", "cpuidle_idle_call", "arch_cpu_idle"};
  return names;
}

// Functions that wait for other CPUs (cross-CPU calls and stoppers). Reports are named after their callers.
const Names& CrossCalls() {
  static const Names names = {"smp_call_function*", "generic_exec_single", "on_each_cpu*",          "csd_lock_wait*",
                              "__csd_lock_wait",    "smp_call_on_cpu",     "stop_machine*",         "stop_one_cpu",
                              "stop_two_cpus",      "stop_cpus",           "multi_cpu_stop",        "rcu_momentary_*",
                              "touch_nmi_watchdog", "kvm_flush_tlb_multi", "native_flush_tlb_multi"};
  return names;
}

// Helpers that report a problem or take a lock; on the stack, they are above the cause.
const Names& Helpers() {
  static const Names names = {"dump_stack*",
                              "__dump_stack*",
                              "dump_backtrace*",
                              "show_stack*",
                              "show_regs",
                              "panic",
                              "vpanic",
                              "nmi_panic",
                              "sched_show_task",
                              "__warn*",
                              "warn_slowpath*",
                              "warn_alloc*",
                              "report_bug*",
                              "handle_bug",
                              "exc_*",
                              "asm_*",
                              "die",
                              "__die*",
                              "oops_end",
                              "page_fault_oops",
                              "no_context",
                              "bust_spinlocks",
                              "do_trap*",
                              "do_error_trap",
                              "bug_handler",
                              "brk_handler",
                              "call_break_hook",
                              "do_debug_exception",
                              "el1_dbg",
                              "el1h_64_sync*",
                              "el1_abort",
                              "do_mem_abort",
                              "__do_kernel_fault",
                              "die_kernel_fault",
                              "arm64_notify_die",
                              "__might_*",
                              "___might_*",
                              "__schedule*",
                              "schedule",
                              "schedule_timeout*",
                              "schedule_hrtimeout*",
                              "schedule_preempt_disabled",
                              "schedule_rtlock",
                              "preempt_schedule*",
                              "__cant_sleep",
                              "__cant_migrate",
                              "check_preemption_disabled",
                              "debug_smp_processor_id",
                              "__this_cpu_preempt_check",
                              "__lock_acquire",
                              "lock_acquire*",
                              "lock_release",
                              "__lock_release",
                              "validate_chain",
                              "check_*",
                              "print_*",
                              "mark_lock*",
                              "mark_usage",
                              "lockdep_*",
                              "register_lock_class",
                              "debug_check_no_*",
                              "_raw_spin_*",
                              "_raw_read_*",
                              "_raw_write_*",
                              "do_raw_*",
                              "spin_bug",
                              "rwlock_bug",
                              "spin_dump",
                              "rt_spin_*",
                              "rt_read_*",
                              "rt_write_*",
                              "native_queued_*",
                              "queued_spin_*",
                              "__raw_*",
                              "__mutex_*",
                              "mutex_lock*",
                              "mutex_unlock*",
                              "up_read*",
                              "up_write*",
                              "rt_mutex_*",
                              "valid_state",
                              "down_read*",
                              "down_write*",
                              "ubsan_*",
                              "__ubsan_*",
                              "kasan_*",
                              "__kasan_*",
                              "__asan_*",
                              "__hwasan_*",
                              "check_memory_region*",
                              "kmsan_*",
                              "__msan_*",
                              "kcsan_*",
                              "__tsan_*",
                              "kfence_*",
                              "__kfence_*",
                              "debug_print_object",
                              "debug_object_*",
                              "kfree*",
                              "kvfree*",
                              "vfree",
                              "kmem_cache_free*",
                              "__kmem_cache_free*",
                              "slab_free*",
                              "__debug_*",
                              "memcpy*",
                              "memmove*",
                              "memset*",
                              "__memcpy*",
                              "__memmove*",
                              "__memset*",
                              "__pi_mem*",
                              "rep_movs_alternative",
                              "rep_stos_alternative",
                              "__list_add_valid*",
                              "__list_del_entry_valid*",
                              "bad_page",
                              "refcount_warn_saturate",
                              "slab_err",
                              "object_err",
                              "slab_bug",
                              "check_bytes_and_report",
                              "usercopy_abort",
                              "__check_object_size",
                              "__check_heap_object",
                              "fortify_panic",
                              "__fortify_panic",
                              "__fortify_report",
                              "report_cfi_failure"};
  return names;
}

// Functions that spin until they get a lock (kernel/locking/{spinlock,qspinlock,qrwlock}.c).
const Names& Spins() {
  static const Names names = {"_raw_spin_lock*",   "_raw_read_lock*",    "_raw_write_lock*",  "do_raw_spin_lock*",
                              "do_raw_read_lock*", "do_raw_write_lock*", "queued_spin_lock*", "native_queued_spin*",
                              "queued_read_lock*", "queued_write_lock*"};
  return names;
}

// Functions of the scheduler, locks and waits, which are at the top of every hung task's stack.
const Names& Waits() {
  static const Names names = {"context_switch",
                              "__switch_to*",
                              "__schedule*",
                              "schedule",
                              "schedule_timeout*",
                              "schedule_hrtimeout*",
                              "schedule_preempt_disabled",
                              "schedule_rtlock",
                              "io_schedule*",
                              "preempt_schedule*",
                              "mutex_lock*",
                              "__mutex_*",
                              "ww_mutex_*",
                              "__ww_mutex_*",
                              "rt_mutex_*",
                              "__rt_mutex*",
                              "rtlock_*",
                              "rt_spin_*",
                              "rt_read_*",
                              "rt_write_*",
                              "down",
                              "down_*",
                              "__down*",
                              "rwsem_*",
                              "__rwsem_*",
                              "rwbase_*",
                              "percpu_down*",
                              "percpu_rwsem*",
                              "__percpu_*",
                              "_raw_spin_*",
                              "_raw_read_*",
                              "_raw_write_*",
                              "lock_sock_nested",
                              "__lock_sock",
                              "wait_for*",
                              "wait_on*",
                              "wait_event*",
                              "wait_until*",
                              "wait_woken",
                              "__wait_*",
                              "do_wait_*",
                              "bit_wait*",
                              "out_of_line_wait*",
                              "prepare_to_wait*",
                              "finish_wait",
                              "folio_wait*",
                              "folio_lock*",
                              "__folio_lock*",
                              "lock_page*",
                              "__lock_page*",
                              "wait_transaction_locked",
                              "synchronize_*",
                              "__synchronize_*",
                              "rcu_barrier*",
                              "flush_work*",
                              "__flush_work*",
                              "cancel_work_sync",
                              "cancel_delayed_work_sync",
                              "__cancel_work*",
                              "flush_delayed_work",
                              "msleep*",
                              "usleep_range*",
                              "do_nanosleep",
                              "hrtimer_nanosleep*",
                              "__refrigerator",
                              "refrigerator"};
  return names;
}

bool Is(const Names& names, const Frame& frame) {
  return names.Has(WithoutSuffix(frame.function));
}

// The frames of the interrupted code, without those of the interrupt in which the reporter runs.
Frames WithoutReporter(Frames frames) {
  while (true) {
    const auto entry = std::ranges::find_if(frames, [](const Frame& f) { return Is(InterruptEntries(), f); });
    if (entry == frames.end() ||
        std::none_of(frames.begin(), entry, [](const Frame& f) { return Is(Reporters(), f); })) {
      return frames;
    }
    const auto rest = std::find_if_not(entry, frames.end(), [](const Frame& f) { return Is(InterruptEntries(), f); });
    if (rest == frames.end()) return frames;
    frames = Frames(rest, frames.end());
  }
}

// The frame called by the first anchor or dispatcher, ignoring ticks and cross-CPU calls; null if there is none.
const Frame* BeforeAnchor(Frames frames) {
  const auto anchor = [](const Frame& f) { return Is(Anchors(), f) || Is(Dispatchers(), f); };
  for (size_t i = 1; i < frames.size(); ++i) {
    const Frame& before = frames[i - 1];
    if (anchor(frames[i]) && !anchor(before) && !Is(Ticks(), before) && !Is(CrossCalls(), before)) return &before;
  }
  return nullptr;
}

}  // namespace

bool IsHelper(std::string_view function) {
  return Helpers().Has(function) || CrossCalls().Has(function);
}

size_t ReporterFrames(const Stack& stack) {
  return stack.frames.size() - WithoutReporter(stack.frames).size();
}

bool IsIdle(const Stack& stack) {
  const Frame* const named = BeforeAnchor(WithoutReporter(stack.frames));
  return named != nullptr && Is(IdleLoop(), *named);
}

bool IsSpinning(const Stack& stack) {
  const Frames frames = WithoutReporter(stack.frames);
  return !frames.empty() && Is(Spins(), frames.front());
}

bool IsInUserMode(const Stack& stack) {
  return !stack.frames.empty() && Is(InterruptEntries(), stack.frames.back()) &&
         std::ranges::any_of(stack.frames, [](const Frame& f) { return Is(Reporters(), f); });
}

std::string NameOf(const Stack& stack, Walk walk) {
  const Frames frames = walk == Walk::kStall ? WithoutReporter(stack.frames) : Frames(stack.frames);
  if (walk == Walk::kStall) {
    if (const Frame* const named = BeforeAnchor(frames)) return PlainFunction(named->function);
  }
  const auto anchor = std::ranges::find_if(frames, [](const Frame& f) { return Is(Anchors(), f); });
  const Names& skipped = walk == Walk::kBlocked ? Waits() : Helpers();
  const auto named =
      std::find_if(frames.begin(), anchor, [&](const Frame& f) { return !Is(skipped, f) && !Is(CrossCalls(), f); });
  if (named != anchor) return PlainFunction(named->function);
  // There are only helpers above the anchor; the outermost one is closest to the cause.
  return PlainFunction(anchor == frames.begin() ? frames.front().function : std::prev(anchor)->function);
}

}  // namespace lk::detect
