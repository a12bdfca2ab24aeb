// SPDX-License-Identifier: Apache-2.0
#include "server/detect/functions.h"

#include <algorithm>

#include "server/detect/names.h"
#include "server/detect/title.h"

namespace lk::detect {
namespace {

using enum Role;

// A function belongs here if it does the same for every caller, so that its name tells nothing about a problem. Add a
// pattern to the row whose reason fits, or a row with a new reason; a single title is not a reason.
constexpr Functions kTable[] = {

    // ---- entries
    {kEntry, "system call entry, x86 and arm64",
     "entry_SYSCALL* entry_SYSENTER* entry_INT80* asm_int80* do_int80* int80_emulation* do_syscall_* x64_sys_call "
     "ia32_sys_call do_fast_syscall_32 __do_fast_syscall_32 do_SYSENTER_32 sysenter_* ia32_sysenter* ia32_syscall "
     "system_call_fastpath tracesys* int_ret_from_sys_call stub_execve* stub_clone* stub_fork stub_vfork el0_* "
     "el0t_* do_el0_svc* invoke_syscall __invoke_syscall"},
    {kEntry, "system call entry, other architectures",
     "ret_fast_syscall __sys_trace_return vector_swi system_call_exception system_call_common* "
     "system_call_vectored* system_call __do_syscall sysc_* do_trap_ecall_u handle_syscall handle_sys "
     "syscall_common stack_done do_syscall linux_sparc_syscall* syscall_exit handle_interruption"},
    {kEntry | kWorker, "threads that run work items and callbacks",
     "process_one_work process_scheduled_works worker_thread rescuer_thread kthread_worker_fn smpboot_thread_fn"},
    {kEntry, "kernel threads",
     "irq_thread* irq_forced_thread_fn kthread ret_from_fork* ret_from_kernel_thread* ret_from_kernel_user_thread "
     "kernel_thread_helper kernel_thread_starter kernel_thread_start child_rip"},
    {kEntry, "the boot of a CPU, and initcalls",
     "cpu_startup_entry start_secondary* secondary_startup* secondary_start_kernel __secondary_* smp_callin "
     "start_kernel x86_64_start_* arch_call_rest_init rest_init common_startup_64 start_here_common kernel_init "
     "kernel_init_freeable do_one_initcall do_initcalls do_initcall_level do_basic_setup do_pre_smp_initcalls"},

    // ---- interrupts and exceptions
    {kInterrupt, "interrupt entry",
     "asm_sysvec_* asm_common_interrupt asm_call_irq_on_stack asm_call_on_stack apic_timer_interrupt "
     "smp_apic_timer_interrupt* smp_trace_apic_timer_interrupt trace_apic_timer_interrupt "
     "smp_reschedule_interrupt reschedule_interrupt smp_call_function_interrupt "
     "smp_call_function_single_interrupt call_function_interrupt call_function_single_interrupt "
     "irq_work_interrupt smp_irq_work_interrupt local_apic_timer_interrupt common_interrupt ret_from_intr "
     "retint_kernel do_IRQ el1_irq el1h_64_irq* el1h_64_fiq* el1_interrupt __irq_svc __fiq_svc "
     "hardware_interrupt_common* decrementer_common* doorbell_super_common* doorbell_hypervisor_common* "
     "handle_riscv_irq ret_from_irq do_ext_irq do_io_irq ext_int_handler io_int_handler handle_int ret_from_irq*"},
    {kInterrupt, "NMI entry", "asm_exc_nmi end_repeat_nmi first_nmi repeat_nmi nmi exc_nmi do_nmi default_do_nmi"},
    {kInterrupt, "exception entry; the handler of a page fault can be stuck itself",
     "asm_exc_page_fault page_fault async_page_fault el1_sync* el1h_64_sync* el1_abort el1_da __dabt_svc "
     "__dabt_usr sparc64_realfault_common sparc64_sttick* __pabt_usr data_access_common* handle_page_fault "
     "tlb_do_page_fault* exc_page_fault do_user_addr_fault do_kern_addr_fault do_page_fault __do_page_fault "
     "do_async_page_fault do_mem_abort do_translation_fault do_sparc64_fault do_DataAbort do_PrefetchAbort "
     "___do_page_fault"},
    {kDispatch, "from an interrupt or exception entry to its handler",
     "sysvec_* __sysvec_* instr_sysvec_* run_on_irqstack* __common_interrupt handle_irq __handle_domain_irq "
     "handle_domain_irq generic_handle_* handle_irq_event* __handle_irq_event_percpu handle_irq_event_percpu "
     "handle_edge_irq handle_level_irq handle_fasteoi_irq handle_simple_irq handle_percpu_* gic_handle_irq "
     "__gic_handle_irq* do_interrupt_handler call_on_irq_stack irq_exit* __irq_exit_rcu invoke_softirq "
     "do_softirq* ____do_softirq __do_softirq handle_softirqs __local_bh_enable_ip* run_ksoftirqd irq_work_single "
     "irq_work_run* __irq_work_run smp_call_function_many_cond_remote generic_smp_call_function_* "
     "flush_smp_call_function_queue __flush_smp_call_function_queue nmi_handle* hrtimer_interrupt "
     "__hrtimer_run_queues __run_hrtimer hrtimer_run_softirq timer_handler"},
    {kDispatch, "from a page fault to whoever fills the page",
     "handle_mm_fault __handle_mm_fault do_fault __do_fault do_shared_fault do_read_fault do_cow_fault "
     "do_anonymous_page faultin_page* __get_user_pages* fixup_user_fault hmm_vma_fault"},
    {kDispatch, "from a softirq or timer to its handler",
     "call_timer_fn expire_timers __run_timers* __run_timer_base run_timer_base run_timer_softirq "
     "tasklet_action_common* tasklet_action tasklet_hi_action rcu_do_batch rcu_core rcu_core_si "
     "rcu_process_callbacks __rcu_process_callbacks rcu_cpu_kthread blk_done_softirq blk_complete_reqs "
     "net_rx_action net_tx_action __napi_poll napi_poll napi_complete_done napi_threaded_poll* process_backlog"},
    {kEntry | kDispatch, "the thread that stops a CPU", "cpu_stopper_thread"},
    {kDispatch, "stoppers and states of CPU hotplug",
     "multi_cpu_stop cpuhp_invoke_callback* __cpuhp_invoke_callback_range cpuhp_thread_fun cpuhp_up_callbacks "
     "cpuhp_down_callbacks"},
    {kTick, "the tick",
     "tick_sched_timer tick_sched_handle tick_nohz_handler tick_nohz_highres_handler tick_periodic "
     "tick_handle_periodic* update_process_times scheduler_tick sched_tick watchdog_timer_fn timer_interrupt "
     "arch_timer_handler_* riscv_timer_interrupt"},
    {kTick, "wakes up a task or accounts its time, in whatever the CPU does (kernel/sched)",
     "select_task_rq* select_idle_* activate_task enqueue_task* enqueue_entity enqueue_rt_entity __enqueue_* "
     "dequeue_task* dequeue_entity update_curr* update_load_avg* update_cfs_* update_rq_clock* place_entity "
     "check_preempt_* wakeup_preempt* task_tick_* resched_curr* sched_ttwu_pending psi_* cpuacct_* "
     "cgroup_account_cputime* account_*_time account_process_tick irqtime_* calc_global_load_tick "
     "trigger_load_balance sched_balance_trigger"},
    {kTick, "keeps the queue of timers, and programs the next one (kernel/time, lib/timerqueue.c)",
     "timerqueue_* enqueue_hrtimer* __remove_hrtimer* remove_hrtimer* hrtimer_forward* hrtimer_reprogram* "
     "hrtimer_update_next_event hrtimer_next_event_* __hrtimer_* clockevents_program_event tick_program_event "
     "lapic_next_* kvmclock_* timekeeping_* update_wall_time tick_do_update_jiffies64 tick_irq_enter"},
    {kReporter, "shows what a CPU does, from an interrupt or NMI on it",
     "dump_stack* __dump_stack* show_stack* show_regs* __show_regs dump_backtrace* dump_cpu_task _sched_show_task "
     "sched_show_task* nmi_cpu_backtrace* arch_trigger_* nmi_trigger_cpumask_backtrace nmi_raise_cpu_backtrace "
     "trigger_all_cpu_* trigger_single_cpu_* rcu_dump_cpu_stacks rcu_sched_clock_irq rcu_check_callbacks "
     "rcu_pending __rcu_pending check_cpu_stall print_cpu_stall* print_other_cpu_stall rcu_check_gp_kthread_* "
     "rcu_exp_wait_wake watchdog_timer_fn watchdog_overflow_callback watchdog_hardlockup_check panic vpanic "
     "__panic nmi_panic unknown_nmi_error default_do_nmi exc_nmi do_nmi ipi_handler cpu_backtrace* "
     "csd_lock_record perf_event_nmi_handler __perf_event_overflow"},
    {kPreempt, "the scheduler, entered because the code below was to be preempted",
     "raw_irqentry_exit_cond_resched irqentry_exit_cond_resched preempt_schedule* __preempt_schedule* "
     "___preempt_schedule* __cond_resched* _cond_resched*"},
    {kIdle, "nothing to run",
     "do_idle default_idle* cpu_idle_loop cpuidle_idle_call arch_cpu_idle cpu_do_idle cpu_idle *_safe_halt native_halt "
     "cpuidle_enter* acpi_idle_* intel_idle* mwait_idle*"},

    // ---- system calls

    //
    {kDispatch, "a system call: unpacks its arguments",
     "__x64_sys_* __ia32_sys_* __ia32_compat_sys_* __x32_* __arm64_sys_* __arm64_compat_sys_* __s390x_sys_* "
     "__riscv_sys_* __se_sys_* __do_sys_* __se_compat_sys_* __do_compat_sys_* SyS_* SYSC_* sys_* ksys_* "
     "compat_sys_* compat_SyS_* C_SYSC_* *_compat_ioctl"},
    {kDispatch, "from the VFS to a file's methods",
     "vfs_read* vfs_write* __vfs_read __vfs_write new_sync_read new_sync_write call_read_iter call_write_iter "
     "do_iter_read* do_iter_write* do_iter_readv_writev* do_loop_readv_writev* vfs_iter_* vfs_readv vfs_writev "
     "do_readv* do_writev* do_preadv* do_pwritev* compat_readv* compat_writev* do_compat_* __kernel_read "
     "__kernel_write* kernel_read* kernel_write* vfs_ioctl do_vfs_ioctl vfs_fsync* do_fsync vfs_fallocate "
     "vfs_llseek vfs_poll do_sys_poll* do_poll* do_pollfd* do_select core_sys_select do_pselect* iterate_dir "
     "vfs_splice_read do_splice* splice_direct_to_actor splice_file_to_pipe splice_from_pipe* __splice_from_pipe "
     "iter_file_splice_write direct_splice_actor default_file_splice_* do_sendfile proc_reg_* seq_read* traverse* "
     "full_proxy_* kernfs_fop_read* kernfs_fop_write* sysfs_kf_* kernfs_seq_* dev_attr_store dev_attr_show "
     "kobj_attr_* proc_sys_call_handler* proc_sys_write proc_sys_read aio_read aio_write io_submit_one "
     "__io_submit_one* io_issue_sqe __io_issue_sqe io_queue_sqe* io_submit_sqe* io_wq_submit_work "
     "io_worker_handle_work io_wq_worker io_read io_write"},
    {kDispatch, "opening a file, from its path to the method",
     "do_dentry_open* vfs_open* do_open do_tmpfile do_last path_openat* do_filp_open do_file_open* do_sys_open* "
     "do_open_execat file_open_name filp_open chrdev_open misc_open dentry_open blkdev_get* __blkdev_get* "
     "bdev_open*"},
    {kDispatch, "closing a file, and work that a task does on its way to user space",
     "__fput* ____fput* fput fput_close* filp_close filp_flush close_fd* __close_fd file_close_fd* close_files "
     "put_files_struct exit_files task_work_run exit_task_work do_exit do_group_exit make_task_dead get_signal* "
     "do_signal* arch_do_signal* handle_signal do_notify_resume* resume_user_mode_work exit_to_user_mode* "
     "exit_to_usermode_loop prepare_exit_to_usermode __prepare_exit_to_usermode syscall_exit_to_user_mode* "
     "__syscall_exit_to_user_mode* syscall_return_slowpath irqentry_exit* work_pending ret_to_user* "
     "ret_slow_syscall do_work_pending"},
    {kReturn, "the way back to user space", "exit_to_user* syscall_* prepare_exit_to* irqentry_exit*"},
    {kDispatch, "starting a program, and mapping memory for it",
     "do_execve* __do_execve* bprm_execve* exec_binprm search_binary_handler load_elf_binary load_script elf_map "
     "elf_load kernel_execve run_init_process call_usermodehelper* vm_mmap* do_mmap* __mmap_region __mmap_new_vma "
     "mmap_region call_mmap mmput* __mmput"},
    {kDispatch, "mounting, unmounting and syncing, from the VFS to a file system",
     "do_mount path_mount do_new_mount* vfs_kern_mount* fc_mount vfs_get_tree legacy_get_tree vfs_cmd_create "
     "get_tree_bdev* get_tree_nodev get_tree_single mount_bdev mount_nodev mount_fs mount_single cleanup_mnt "
     "__cleanup_mnt deactivate_super deactivate_locked_super kill_block_super kill_anon_super kill_litter_super "
     "iterate_supers* sync_filesystem __sync_filesystem sync_fs_one_sb sync_inodes_one_sb"},
    {kDispatch, "from the VFS to an inode's methods",
     "vfs_create vfs_mkdir vfs_mknod vfs_symlink vfs_link vfs_unlink vfs_rmdir vfs_rename vfs_tmpfile lookup_open "
     "open_last_lookups lookup_slow __lookup_slow lookup_one_qstr* lookup_dcache __lookup_hash walk_component "
     "link_path_walk* path_lookupat* path_parentat filename_lookup filename_parentat filename_create user_path_at* "
     "kern_path notify_change do_truncate vfs_truncate vfs_getattr* vfs_statx* vfs_setxattr* __vfs_setxattr* "
     "vfs_getxattr* __vfs_getxattr* vfs_listxattr vfs_removexattr* __vfs_removexattr* evict evict_inodes dispose_list"},
    {kDispatch, "from writeback to a file system",
     "do_writepages __writeback_single_inode writeback_single_inode writeback_sb_inodes __writeback_inodes_wb "
     "wb_writeback wb_do_writeback __filemap_fdatawrite* filemap_fdatawrite* filemap_flush* filemap_writeback"},
    {kDispatch, "from reclaim to who gives memory back",
     "do_shrink_slab shrink_slab* super_cache_scan prune_icache_sb prune_dcache_sb shrink_node* shrink_one "
     "shrink_many lru_gen_shrink_* do_try_to_free_pages try_to_free_pages try_to_free_mem_cgroup_pages balance_pgdat "
     "kswapd"},
    {kDispatch, "from changes of page tables to those who mirror them",
     "__mmu_notifier_* mn_hlist_* mn_itree_* mmu_interval_notifier_*"},
    {kDispatch, "from the block layer to a driver",
     "blk_mq_dispatch_rq_list* __blk_mq_do_dispatch_sched blk_mq_do_dispatch_* blk_mq_sched_dispatch_requests "
     "__blk_mq_sched_dispatch_requests blk_mq_run_hw_queue* __blk_mq_run_hw_queue __blk_mq_delay_run_hw_queue "
     "blk_mq_delay_run_hw_queue* blk_mq_sched_insert_request* blk_mq_try_issue_* __blk_mq_try_issue_* "
     "__blk_mq_issue_directly blk_mq_flush_plug_list* blk_flush_plug* __blk_flush_plug blk_mq_submit_bio __submit_bio* "
     "blk_run_queue __blk_run_queue* scsi_queue_rq scsi_dispatch_cmd scsi_request_fn"},
    {kDispatch, "from a tty to its line discipline",
     "tty_port_default_receive_buf tty_port_default_lookahead_buf tty_ldisc_receive_buf flush_to_ldisc"},
    {kDispatch, "from power management to a driver",
     "__rpm_callback rpm_callback rpm_resume rpm_suspend rpm_idle __pm_runtime_* pm_runtime_* "
     "pci_pm_* platform_pm_* pm_generic_* device_resume* device_suspend* __device_suspend* dpm_resume* dpm_suspend* "
     "async_suspend* async_resume* async_run_entry_fn"},
    {kDispatch, "threads of a subsystem that run what its parts hand them",
     "md_thread scsi_error_handler vhost_worker vhost_run_work_list vhost_task_fn btrfs_work_helper "
     "rpc_async_schedule __rpc_execute rpc_execute svc_recv svc_process svc_process_common svc_handle_xprt "
     "nfsd_dispatch srcu_invoke_callbacks rcu_tasks_invoke_cbs* rcu_nocb_cb_kthread nocb_cb_wait tctx_task_work* "
     "io_handle_tw_list handle_tw_list"},
    {kDispatch, "from the configuration of a network device to its driver",
     "__dev_open dev_open __dev_close* dev_close* __dev_change_flags dev_change_flags dev_set_rx_mode "
     "__dev_set_rx_mode dev_ioctl dev_ifsioc"},
    {kDispatch, "from a socket to its protocol",
     "sock_sendmsg* __sock_sendmsg sock_recvmsg* ____sys_* ___sys_* __sys_* do_recvmmsg do_sock_setsockopt "
     "do_sock_getsockopt sock_common_setsockopt sock_common_getsockopt compat_sock_common_* do_accept "
     "sock_write_iter sock_read_iter sock_close sock_release __sock_release sock_ioctl sock_do_ioctl* inet_ioctl "
     "inet_release inet6_release inet_sendmsg inet6_sendmsg inet_recvmsg inet6_recvmsg inet_shutdown "
     "kernel_sendmsg kernel_recvmsg sock_no_sendpage kernel_sendpage sock_splice_read"},
    {kDispatch, "from a netlink message to its handler",
     "netlink_rcv_skb netlink_dump* __netlink_dump_start netlink_sendmsg netlink_recvmsg netlink_unicast_kernel "
     "genl_rcv* genl_family_rcv_msg* rtnetlink_rcv* nfnetlink_rcv* xfrm_netlink_rcv xfrm_user_rcv_msg "
     "sock_diag_rcv* crypto_netlink_rcv audit_receive* nl_fib_input"},
    {kDispatch, "from the network core to a protocol, a hook or a device",
     "__netif_receive_skb* netif_receive_skb* netif_rx* __netif_rx* napi_gro_* dev_gro_receive dev_queue_xmit* "
     "__dev_queue_xmit dev_hard_start_xmit xmit_one* netdev_start_xmit __netdev_start_xmit sch_direct_xmit "
     "__qdisc_run qdisc_run* dev_direct_xmit __dev_direct_xmit "
     "ip_protocol_deliver_rcu ip6_protocol_deliver_rcu notifier_call_chain *_notifier_call_chain "
     "call_netdevice_notifiers* ops_init ops_exit_list* ops_undo_list setup_net cleanup_net"},
    {kDispatch, "from the driver core to a driver",
     "really_probe call_driver_probe driver_probe_device __driver_probe_device __device_attach* __driver_attach* "
     "bus_for_each_* bus_probe_device device_attach driver_attach device_release_driver* device_remove "
     "bus_remove_device usb_probe_interface usb_probe_device usb_unbind_interface pci_device_probe "
     "local_pci_probe work_for_cpu_fn pci_device_remove platform_probe hid_device_probe hid_device_remove "
     "request_firmware_work_func dpm_run_callback device_shutdown do_init_module load_module "
     "init_module_from_file idempotent_init_module"},
    {kDispatch, "completion of USB requests",
     "usb_hcd_giveback_urb* __usb_hcd_giveback_urb* usb_giveback_urb_bh dummy_timer vhci_rx_loop"},

    // ---- waits

    //
    {kWait, "the scheduler",
     "context_switch __switch_to* __schedule* schedule schedule_timeout* schedule_hrtimeout* "
     "schedule_preempt_disabled schedule_rtlock io_schedule* preempt_schedule* finish_task_switch* "
     "find_busiest_group load_balance* thread_return"},
    {kWait, "a lock that sleeps",
     "mutex_lock* __mutex_* mutex_optimistic_spin ww_mutex_* __ww_mutex_* rt_mutex_* __rt_mutex* rtlock_* "
     "rt_spin_* rt_read_* rt_write_* down down_* __down* rwsem_* __rwsem_* rwbase_* percpu_down* percpu_rwsem* "
     "__percpu_* _raw_spin_* _raw_read_* _raw_write_* ldsem_* __ldsem_* "
     "tty_ldisc_lock* tty_lock* mmap_write_lock* mmap_read_lock* mutex_*"},
    {kWait, "a completion, a wait queue or a bit",
     "wait_for* wait_on* wait_event* wait_until* wait_woken __wait_* do_wait_* bit_wait* out_of_line_wait* "
     "prepare_to_wait* finish_wait folio_wait* folio_lock* __folio_lock* lock_page* __lock_page* lock_buffer* "
     "__lock_buffer __do_read_cache* do_read_cache_* __wait_for_common do_wait_for_common wait_for_common* "
     "__filemap_fdatawait* filemap_fdatawait* fdatawait_one_bdev filemap_write_and_wait* sync_inodes_sb "
     "wait_sb_inodes writeback_inodes_sb* wait_transaction_locked blk_execute_rq* submit_bio_wait "
     "usb_start_wait_urb usb_control_msg* usb_internal_control_msg usb_bulk_msg usb_interrupt_msg usb_kill_urb* "
     "usb_poison_urb* kthread_stop* kthread_park"},
    {kWait, "until the users of an object are gone, or its queue is empty",
     "proc_entry_rundown kernfs_drain* blk_mq_freeze_queue* blk_freeze_queue* blk_mq_quiesce_* percpu_ref_* "
     "*_freeze_wait *_queue_wait dpm_wait* device_pm_wait_for_dev dma_fence_wait* dma_fence_default_wait "
     "dma_resv_wait* rpc_wait_bit_killable nfs_wait_bit_killable inode_dio_wait* __inode_dio_wait"},
    {kWait | kHelper, "time",
     "msleep* usleep_range* do_nanosleep hrtimer_nanosleep* __refrigerator refrigerator fsleep"},
    {kWait, "delays, and reads clocks meanwhile",
     "delay_* __delay __const_udelay __udelay __ndelay udelay* read_hpet read_tsc native_read_tsc ktime_get* "
     "sched_clock* native_sched_clock local_clock* cpu_relax"},
    {kWait | kWaitFor, "the lock of a socket", "lock_sock_nested __lock_sock"},
    {kWait | kGracePeriod, "the inside of a wait for a grace period", "wait_rcu_* __wait_rcu_gp exp_funnel_lock"},
    {kWait, "the inside of a wait for a grace period of SRCU", "__synchronize_*"},
    {kGracePeriod, "a wait for a grace period that is named, since it is rare", "_rcu_barrier* cond_synchronize_*"},
    {kWait | kWaitFor | kGracePeriod, "a grace period", "synchronize_rcu* synchronize_net* rcu_barrier*"},
    {kWait | kWaitFor, "a grace period of SRCU or of old kernels, interrupts, or queued work",
     "synchronize_srcu* synchronize_sched synchronize_sched_expedited synchronize_irq* synchronize_hardirq "
     "synchronize_shrinkers srcu_barrier* flush_work* __flush_work* flush_workqueue* __flush_workqueue drain_workqueue "
     "cancel_work_sync cancel_delayed_work_sync __cancel_work* flush_delayed_work"},
    {kCrossCall | kWaitFor, "waits for the handler on other CPUs", "smp_call_function* on_each_cpu* smp_call_on_cpu"},
    {kCrossCall, "the inside of such a wait; waits for other stoppers, or flushes TLBs of other CPUs",
     "generic_exec_single csd_lock_wait* __csd_lock_wait stop_machine* stop_one_cpu stop_two_cpus stop_cpus "
     "multi_cpu_stop rcu_momentary_* touch_nmi_watchdog "
     "kvm_flush_tlb_multi native_flush_tlb_* flush_tlb_multi"},

    // ---- helpers

    //
    {kHelper | kMachinery, "reports a problem",
     "dump_stack* __dump_stack* dump_backtrace* show_stack* show_regs* panic vpanic __panic panic_saved_regs "
     "nmi_panic sched_show_task* __warn* warn_slowpath* warn_alloc* report_bug* handle_bug fixup_bug* "
     "__report_bug exc_* asm_exc_* asm_sysvec_* asm_* die __die* die_addr oops_end page_fault_oops no_context "
     "bad_area* __bad_area* bust_spinlocks do_trap* do_error_trap do_invalid_op invalid_op error_entry "
     "bug_handler brk_handler call_break_hook do_debug_exception do_el1_* el1_sync_handler el1_dbg el1_brk64 "
     "el1h_64_sync* el1_abort do_mem_abort __do_kernel_fault die_kernel_fault arm64_notify_die do_tag_check_fault "
     "do_tag_recovery do_bad_area pgtable_bad kernelmode_fixup_or_oops el1_undef handle_exception* "
     "do_general_protection general_protection unwind_backtrace do_DataAbort __dabt_svc program_check_* "
     "interrupt_return* do_undefinstr __und_svc* __bug bug"},
    {kHelper | kMachinery, "checks its caller's context",
     "__might_* ___might_* might_* __schedule* schedule schedule_timeout* schedule_hrtimeout* "
     "schedule_preempt_disabled schedule_rtlock preempt_schedule* __cond_resched* _cond_resched* __cant_sleep "
     "__cant_migrate check_preemption_disabled debug_smp_processor_id __this_cpu_preempt_check "
     "warn_bogus_irq_restore __local_bh_* local_bh_* _local_bh_enable __seqprop_* rcu_read_lock* rcu_lock_* "
     "rcu_is_watching rcu_note_context_switch schedule_debug __schedule_bug trace_hardirqs_* trace_preempt_* "
     "should_fail* fail_dump"},
    {kHelper | kMachinery, "calls the scheduler on the way back to user space",
     "schedule_user context_tracking_* retint_careful"},
    {kHelper | kMachinery, "lockdep and lock debugging",
     "__lock_acquire lock_acquire* lock_release __lock_release lock_is_held* lock_downgrade validate_chain "
     "check_* print_* mark_lock* mark_usage mark_held_locks lockdep_* register_lock_class look_up_lock_class "
     "debug_check_no_* assign_lock_key reacquire_held_locks find_held_lock graph_lock graph_unlock lock_set_class "
     "__lock_set_class lock_pin_lock lock_unpin_lock lock_repin_lock lock_sync valid_state spin_bug rwlock_bug "
     "spin_dump debug_mutex_* add_lock_to_list"},
    {kHelper | kMachinery | kSpin, "takes a lock that spins (kernel/locking/{spinlock,qspinlock,qrwlock}.c)",
     "_spin_lock* _read_lock* _write_lock* _raw_spin_lock* _raw_read_lock* _raw_write_lock* do_raw_spin_lock* "
     "do_raw_read_lock* do_raw_write_lock* queued_spin_lock* native_queued_spin* queued_read_lock* "
     "queued_write_lock* __pv_queued_spin* mcs_spin_lock plpar_hcall_norets* yield_to_any yield_to_prev __spin_yield "
     "splpar_spin_yield"},
    {kSpin, "waits for a lock on behalf of the paravirtual spinlock", "pv_wait* kvm_wait xen_qlock_wait hv_qlock_wait"},
    {kHelper, "takes or releases a lock",
     "_spin_unlock* _read_unlock* _write_unlock* __spin_lock_debug rtlock_* "
     "_raw_spin_* _raw_read_* _raw_write_* do_raw_* rt_spin_* rt_read_* rt_write_* native_queued_* queued_spin_* "
     "__raw_* __mutex_* mutex_* up_read* up_write* up __up* rt_mutex_* down_read* down_write* down_trylock down "
     "rwsem_* __rwsem_* lock_sock* release_sock __lock_sock* __release_sock console_lock console_unlock "
     "console_trylock* lock_page* __lock_page* unlock_page* folio_lock* folio_unlock* __folio_lock* lock_buffer "
     "unlock_buffer spin_lock* spin_unlock* percpu_down* percpu_up* ldsem_* __ldsem_*"},
    {kHelper | kMachinery, "formats text",
     "vsnprintf snprintf vscnprintf scnprintf sprintf vsprintf string string_nocheck hex_string number pointer "
     "widen_string special_hex_number bitmap_string dentry_name va_format hex_dump_to_buffer print_hex_dump* "
     "seq_printf seq_vprintf seq_puts seq_putc seq_write"},
    {kHelper | kMachinery, "prints",
     "printk* _printk* *_printk vprintk* __printk* __down_trylock_console_sem dev_printk* _dev_* __dev_printk* "
     "dev_vprintk*"},
    {kHelper | kMachinery, "sanitizers, and code coverage",
     "ubsan_* __ubsan_* kasan_* __kasan_* __asan_* asan_* __hwasan_* check_memory_region* kmsan_* __msan_* "
     "kcsan_* __kcsan_* __tsan_* msan_* get_shadow_origin_ptr kfence_* __kfence_* instrument_* __sanitizer_* "
     "kcov_* write_comp_data quarantine_* qlink_* qlist_* unpoison_*"},
    {kHelper | kMachinery, "debugging of objects, timers, lists and reference counts",
     "debug_print_object debug_object_* debug_objects_* debug_timer_* debug_hrtimer_* debug_rcu_* __debug_* "
     "debug_* __list_add_valid* __list_del_entry* refcount_* __refcount_* kref_*"},
    {kHelper | kMachinery, "allocates or frees memory",
     "kmalloc* __kmalloc* kzalloc* kcalloc* krealloc* __do_kmalloc* __do_krealloc* kvmalloc* __kvmalloc* vmalloc* "
     "__vmalloc* vzalloc* kmem_cache_* __kmem_cache_* do_kmalloc* ___cache_* ____cache_* cache_alloc* "
     "fallback_alloc cache_grow* ___slab_alloc __slab_alloc* slab_alloc* slab_post_alloc* slab_pre_alloc* "
     "new_slab allocate_slab kfree* __kfree* kvfree* vfree* __vfree* slab_free* __slab_free* do_slab_free* "
     "free_to_partial* discard_slab deactivate_slab alloc_frozen* alloc_pages* alloc_page_* folio_alloc* "
     "__folio_alloc* vma_alloc_folio* prep_new_page "
     "__free_pages* __free_page* free_pages* free_unref_* free_one_page free_frozen* __get_free_pages* "
     "get_zeroed_page* pcpu_alloc* free_large_kmalloc kmalloc_large* __alloc_percpu* free_percpu mempool_alloc* "
     "mempool_free* kmemleak_* create_object __create_object* __kmem* alloc_object"},
    {kHelper | kMachinery | kPages, "allocates pages", "__alloc_pages* __alloc_frozen* get_page_from_freelist"},
    {kPages, "the inside of that, where a CPU is by chance",
     "rmqueue* __rmqueue* post_alloc_hook kernel_init_pages zone_watermark* __zone_watermark* __set_page_owner*"},
    {kHelper, "allocates an object for its caller",
     "kstrdup* kstrndup* kmemdup* kvmemdup* kasprintf* kvasprintf* kobject_set_name* dev_set_name __alloc_skb "
     "alloc_skb* dev_alloc_skb __netdev_alloc_skb* netdev_alloc_skb* napi_alloc_skb* __napi_alloc_skb "
     "sock_alloc_send_* sock_wmalloc sock_omalloc skb_clone devm_kmalloc* devm_kzalloc* sock_kmalloc "
     "sock_kzalloc_s sock_kfree_s sk_prot_alloc sk_alloc sk_clone_lock alloc_netdev* alloc_inode alloc_file* "
     "alloc_empty_file* new_inode* ida_alloc*"},
    {kHelper, "maps memory for its caller", "memremap* devm_memremap* ioremap* devm_ioremap* region_intersects*"},
    {kHelper, "reads or writes registers of a device",
     "readb* readw* readl* readq* writeb* writew* writel* writeq* ioread* iowrite* inb* inw* inl* outb* outw* "
     "outl* logic_in* logic_out* __raw_read* __raw_write*"},
    {kHelper, "copies, fills, compares or sums memory, and accesses user memory",
     "memcpy* memmove* memset* memcmp* memchr* memscan memzero* __memcpy* __memmove* __memset* __memcmp* "
     "__pi_mem* __pi_str* strlen strnlen strcpy* strncpy* strscpy* sized_strscpy strlcpy* strlcat* strcat* "
     "strchr* strrchr strstr strncmp* strcmp* strcasecmp* strncasecmp* strsep strspn strcspn strpbrk strnstr "
     "strstarts match_string crc32* __crc32* crc64* __crc64* crc16* crc4* crc7* crc8* crc_ccitt* crc_itu_t* "
     "crc_t10dif* xxh32* xxh64* xxhash* siphash* hsiphash* csum_partial* do_csum rep_movs_alternative "
     "rep_stos_alternative clear_page* copy_page clear_user* __clear_user* _copy_to_* _copy_from_* __copy_* "
     "copy_to_user* copy_from_user* raw_copy_* copy_user_* copyin* copyout* copy_page_from_iter* "
     "copy_page_to_iter* copy_iter_* _copy_mc_* __get_user* __put_user* get_user_* put_user_* usercopy_* "
     "__check_object_size* check_heap_object __check_heap_object __arch_copy_* __arch_clear_user "
     "strncpy_from_user* strnlen_user do_strncpy_from_user fortify_panic* __fortify_*"},
    {kHelper, "lists, trees, bitmaps and atomic variables",
     "__list_* list_* hlist_* __hlist_* plist_* llist_* rb_* __rb_* rhashtable_* __rhashtable_* rht_* xa_load "
     "xa_store __xa_store xa_erase __xa_erase xa_find* xa_get_mark xa_set_mark xas_* __xas_* radix_tree_* "
     "__radix_tree_* ref_tracker_* idr_* ida_* atomic_* atomic64_* arch_atomic* raw_atomic* generic_atomic* "
     "test_bit set_bit clear_bit __set_bit _test_bit arch_test_bit test_and_* find_next_* find_first_* _find_* "
     "__bitmap_* bitmap_* __read_once_* __write_once_* get_unaligned* put_unaligned* __get_unaligned*"},
    {kHelper, "wakes up, queues or cancels for its caller",
     "__wake_up* wake_up* __wake_q* complete complete_all complete_with_flags try_to_wake_up ttwu_* "
     "autoremove_wake_function default_wake_function swake_* prepare_to_wait* finish_wait wait_for_completion* "
     "__wait_for_common wait_for_common queue_work_on __queue_work queue_delayed_work_on __queue_delayed_work "
     "mod_delayed_work* insert_work kthread_insert_work* kthread_queue_work flush_work* __flush_work* "
     "__cancel_work* cancel_work* cancel_delayed_work* flush_workqueue* __flush_workqueue drain_workqueue "
     "start_flush_work del_timer* timer_delete* try_to_del_timer* __timer_delete* __try_to_del_timer* mod_timer* "
     "__mod_timer add_timer* lock_timer_base detach_if_pending hrtimer_start* hrtimer_cancel "
     "hrtimer_try_to_cancel tasklet_kill __tasklet_schedule* call_rcu* __call_rcu* kfree_rcu* synchronize_rcu* "
     "synchronize_srcu* synchronize_net synchronize_sched __synchronize_* smp_call_function* kill_fasync* "
     "send_sig*"},
    {kHelper, "sends a message to a netlink socket for its caller",
     "netlink_unicast netlink_sendskb __netlink_sendskb netlink_broadcast* nlmsg_unicast nlmsg_notify rtnl_unicast "
     "rtnl_notify genlmsg_* netlink_ack"},
    {kHelper, "runs the hooks of a protocol inside it", "nf_hook* nf_iterate NF_HOOK*"},
    {kHelper, "submits a request for its caller",
     "usb_submit_urb usb_start_wait_urb usb_bulk_msg usb_interrupt_msg usb_control_msg* usb_internal_control_msg "
     "submit_bio* submit_bio_noacct*"},
    {kHelper, "counts events and memory for statistics",
     "count_memcg_event* __count_memcg_event* mod_memcg_* __mod_memcg_* mod_lruvec_* __mod_lruvec_* mod_node_* "
     "__mod_node_* mod_zone_* __mod_zone_* count_vm_event* __count_vm_event* vm_event_* lruvec_stat_mod_folio"},
    {kHelper, "takes or drops a reference",
     "dput* fast_dput lockref_* iput* fput mntput* put_device get_device kobject_get* kobject_put* "
     "kobject_release kobject_cleanup put_page* folio_put* __put_page __folio_put* put_task_struct* "
     "__put_task_struct* put_cred* __put_cred put_pid*"},
    {kHelper, "registers or removes an object of the driver model",
     "kobject_* kset_* device_add device_del device_register device_unregister device_destroy device_initialize "
     "device_release device_move device_private_* devres_* release_nodes add_uevent_var sysfs_create_* "
     "sysfs_add_* sysfs_remove_* sysfs_warn_dup internal_create_group* cdev_add cdev_del cdev_device_* "
     "proc_register proc_create* remove_proc_* proc_remove proc_mkdir* debugfs_create* debugfs_remove* "
     "get_device_parent "
     "device_for_each_child* device_create device_create_vargs device_create_groups_vargs "
     "device_create_with_groups register_netdevice register_netdev rollback_registered* unregister_netdev* "
     "bus_add_device"},
    {kHelper, "records or unwinds a stack",
     "stack_access_ok deref_stack_reg* deref_stack_iret_regs arch_stack_walk* stack_trace_* save_stack* __save_stack* "
     "save_trace set_track* stack_depot_* unwind_* "
     "__unwind_* dump_trace* print_context_stack* walk_stackframe* return_address kernel_text_address "
     "__kernel_text_address is_bpf_text_address get_stack_info* in_irq_stack update_stack_state orc_find* "
     "__orc_find"},
    {kHelper, "indirect branches and returns through thunks (arch/x86/lib/retpoline.S)",
     "__x86_indirect_* __x86_return_* srso_* retbleed_* __indirect_thunk* __fentry__ ftrace_caller* "
     "ftrace_regs_caller*"},
    {kHelper, "converts and checks addresses",
     "__phys_addr* __virt_addr_valid virt_to_page* __virt_to_phys* page_to_phys phys_to_page compound_head "
     "page_folio"},
    {kHelper, "page and slab state",
     "bad_page* free_page_is_bad check_new_page* slab_err object_err slab_bug slab_pad_check "
     "check_bytes_and_report check_object on_freelist free_consistency_checks alloc_consistency_checks "
     "free_debug_processing slab_fix"},
    {kHelper, "the length of a packet's buffer, checked for the one who changes it",
     "skb_panic skb_over_panic skb_under_panic skb_push skb_put skb_pull __skb_pull __skb_put pskb_put"},
    {kHelper, "takes the lock of a subsystem", "*_write_lock *_read_lock *_mutex_lock *_spin_lock"},
    {kHelper | kMachinery, "assertions",
     "assertfail btrfs_assertfail usercopy_abort __stack_chk_fail report_cfi_failure __cfi_* rust_helper_BUG "
     "*_panic *_assert_fail assfail ref_tracker_dir_* rust_begin_unwind *panic_fmt *5panic *panic_bounds_check "
     "*unwrap_failed *expect_failed"},
};

}  // namespace

std::span<const Functions> FunctionTable() {
  return kTable;
}

Roles RolesOf(std::string_view function) {
  static const auto* const names = [] {
    std::vector<Names::Pattern> patterns;
    for (const Functions& row : kTable) Names::Split(row.names, ' ', row.roles.bits(), patterns);
    return new Names(patterns);
  }();
  return Roles(names->Find(WithoutSuffix(function)));
}

}  // namespace lk::detect
