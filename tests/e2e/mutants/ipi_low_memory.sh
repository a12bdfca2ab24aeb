# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# smp_call_function_many_cond() of the mutant wait waits for lk_handler(), which spins with interrupts off until its caller
# opens the gate. CSD lock debugging reports this first; it names the CPU that runs lk_handler() and is called by
# mtrr_ioctl() on the CPU that waits.
found wait \
  '.title == "BUG: CSD lock stall in lk_handler" and .culprit.function == "lk_handler" and .victim.function == "mtrr_ioctl"'
# The counters of ipi_low_memory match the kernel's own data: cross-CPU call interrupts (/proc/interrupts) and CPUs that
# went offline (kernel log).
# A membarrier causes no interrupts if all threads are asleep.
check "on average at least every second membarrier caused an interrupt" \
  latency ipi_pressure '.count > 0 and $c.guest_function_calls > .count / 2'
check "TLB shootdowns caused interrupts" counters '.guest_tlb_shootdowns > 0'
check "all CPUs took part" counters '.cpus == 4 and .cpus_at_work == 4'
lkctl run logs "$(jq -r .id "$T/run.json")" >"$T/console"
# Injected failures are not in the kernel log, because the callers handle them silently (__GFP_NOWARN).
# The shootdown of 16 pages allocates (tlb_next_batch()), and no other part of its system call does so atomically.
check "injected failures hit allocations" counters '.failures_landed > 0 and .failures_in_shootdown > 0'
check "slab caches were shrunk" counters '.slab_shrinks > 0'
check "CPUs went offline and came back, according to the kernel" \
  counters ".cpu_cycles > 0 and .cpu_cycles <= $(grep -c 'is now offline' "$T/console")"
check "available memory fell to about the value of the parameter floor" counters '.ballast > 0 and .available < 2 * 64 * 1048576'
check "MTRRs were changed" counters '.mtrr_changes > 0'
check "the ratios of latencies under pressure to latencies at rest are reported" counters '.ipi_ratio_p50 > 0 and .shootdown_ratio_p50 > 0 and .mtrr_ratio_p50 > 0'
