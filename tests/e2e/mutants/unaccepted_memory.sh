# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# With interrupts off, accept_memory() of the mutant waits for its lock, or holds it while lk_accept_memory() accepts for
# the emulated platform: a hard lockup. When it enables interrupts again, its caller in the page allocator has been stuck
# for too long: a soft lockup or an RCU stall. A softirq may have been running on top of it when the detector looked,
# which then names the finding.
found lock \
  '[.title, .altTitles[]] | any(IN(("BUG: hard lockup in ", "BUG: CSD lock stall in ") + ("accept_memory", "lk_accept_memory"),
                                   ("BUG: soft lockup in ", "INFO: rcu detected stall in ") + "cond_accept_memory"))'
# The counters of unaccepted_memory match the kernel's own statistics: accepted memory (/proc/vmstat) and page faults.
check "memory was accepted, and no more than the kernel reports" counters '.accepted > 0 and .accepted <= .guest_accepted'
check "the kernel itself accepted less than 2 GB" counters '.guest_accepted - .accepted - .reserved < 2e9'
check "each touched page caused a page fault" counters '.faults > 0 and .faults <= .guest_page_faults'
check "no more memory was accepted than was faulted in, apart from the allocator's reserve" \
  counters '.accepted < .faults * 4096 + 512e6'
check "all CPUs took part" counters '.cpus_at_work == 4 and .threads == 4'
check "more than one CPU accepted memory at a time, and some had to wait" counters '.cpus_accepting > 1 and .retries > 0'
check "CPUs went offline and came back while the last pages were accepted" \
  counters '.cpu_cycles > 0 and .unaccepted_at_churn > 0'
check "the speed-up matches the rates" counters '(.rate_all / .rate_one / .speedup - 1) | fabs < 0.01'
check "no page fault took longer than the longest stall" latency fault '.maxSeconds <= $c.longest_stall * 1.05 and .count == $c.faults'
