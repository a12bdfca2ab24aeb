# Sourced by mutants.sh, with the run on the lab kernel.
found "memory acceptance: the lockup is in it, or all CPUs were no faster than one" \
  "($stall and ($functions | any(test(\"accept\")))) or (.title | test(\"parallel_acceptance\"))"
# What unaccepted_memory counts is what the kernel's own statistics say: memory accepted (/proc/vmstat) and page faults.
check "memory was accepted, no more than the kernel says" counters '.accepted > 0 and .accepted <= .guest_accepted'
check "and the rest of what it says is what the kernel took to begin with" counters '.guest_accepted - .accepted < 2e9'
check "each page touched was a fault" counters '.faults > 0 and .faults <= .guest_page_faults'
check "no more was accepted than was faulted in, but for what the allocator keeps in hand" \
  counters '.accepted < .faults * 4096 + 512e6'
check "all CPUs took part" counters '.cpus_at_work == 4 and .threads == 4'
# How much is the scenario's to judge (parallel_acceptance); what else the machine does weighs on either rate.
check "acceptance in parallel was judged, and pays" counters '.speedup > 0 and .speedup_shortfall == 0'
check "rates and speed-up agree" counters '(.rate_all / .rate_one / .speedup - 1) | fabs < 0.01'
check "no single fault took longer than the longest stall" latency fault '.maxSeconds <= $c.longest_stall * 1.05 and .count == $c.faults'
