# Sourced by mutants.sh, with the run on the lab kernel.
found "cross calls: both sides are named" "$functions | any(test(\"smp_call|csd\")) and any(test(\"mtrr|rendezvous\"))"
# What ipi_low_memory counts is what the kernel says itself: interrupts of cross-CPU calls (/proc/interrupts) and CPUs that
# went (its log).
check "membarriers are interrupts: one at least for every other of them, whose threads were all asleep" \
  latency ipi_pressure '.count > 0 and $c.guest_function_calls > .count / 2'
check "so are shoot-downs, of pages and of everything" counters '.guest_tlb_shootdowns + .guest_function_calls > 0'
check "turns were made on all CPUs" counters '.cpus == 4 and .cpus_at_work == 4'
lkctl run logs "$(jq -r .id "$T/run.json")" >"$T/console"
# The kernel's log has none of them: those that land here are of callers that cope without a word (__GFP_NOWARN).
check "injected failures landed" counters '.failures_landed > 0'
check "CPUs went and came back, as the kernel says" \
  counters ".cpu_cycles > 0 and .cpu_cycles <= $(grep -c 'is now offline' "$T/console")"
check "available memory sat at the floor" counters '.ballast > 0 and .available < 2 * 64 * 1048576'
check "MTRRs were changed, each change timed" counters '.mtrr_changes > 0'
check "latencies at rest and under pressure, and their ratio" counters '.ipi_ratio_p50 > 0 and .shootdown_ratio_p50 > 0 and .mtrr_ratio_p50 > 0'
