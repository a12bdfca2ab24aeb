# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# What the mutex prevented: crash_handle_hotplug_event() or crash_check_hotplug_support() finds the lock taken.
found mutex '.title == "crash hp: kexec_trylock() failed, kdump image may be inaccurate"'
check "crash_hotplug uses no emulation" run "" $scenario '(.emulated // false) | not'
# The counters of crash_hotplug match the kernel's own data: memory blocks (sysfs), uevents and the kernel log.
check "memory blocks were onlined, and each was timed" latency attach_to_online '.count == $c.blocks_onlined and .count > 0'
check "CPUs were taken offline and back online, and each was timed" latency cpu_online '.count == $c.cpu_cycles and .count > 0'
# Each block is added and goes online, is taken offline and back online by the trigger, then goes offline and is removed.
# A CPU has one event for each transition, and drivers add and remove devices for it.
check "each block caused at least six uevents, and each cycle of a CPU two" counters '.guest_uevents >= 6 * .blocks_onlined + 2 * .cpu_cycles'
check "there were hardly any other uevents" counters '.guest_uevents <= 6 * .blocks_onlined + 6 * .cpu_cycles + 100'
check "all memory blocks were removed, unless the guest refused" counters '.guest_memory_blocks == 0 or .detach_busy > 0'
check "a large DIMM adds 8 blocks, and a burst of small DIMMs adds 6" counters '.blocks_onlined >= 14 * ((.rounds / 2) | floor) + 8 * (.rounds % 2)'
check "the trigger took each block offline at most twice" latency offline '.count <= 2 * $c.blocks_onlined'
lkctl run logs "$(jq -r .id "$T/run.json")" >"$T/console"
check "according to the kernel log, the lock was always acquired" same "$(grep -c 'kexec_trylock() failed' "$T/console")" 0
check "the elfcorehdr was correct at every check" counters '.header_checks >= 3 * .rounds and .header_mismatches == 0 and .trylock_failures == 0'
check "the crash kernel was loaded again in every round" latency load '.count == $c.loads and .count >= $c.rounds'
check "nothing was refused" counters '.blocks_missing + .online_refused + .offline_refused + .detach_refused + .cpus_left_offline + .load_failures + .read_failures == 0'
