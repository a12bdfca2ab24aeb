# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# What the mutex prevented: crash_handle_hotplug_event() or crash_check_hotplug_support() finds the lock taken.
found "mutant of crash_hotplug: the elfcorehdr was not updated because kexec_trylock() failed" \
  '.title == "crash hp: kexec_trylock() failed, kdump image may be inaccurate"'
check "crash_hotplug uses no emulation" run false $scenario '(.emulated // false) | not'
# The counters of crash_hotplug match the kernel's own data: memory blocks (sysfs), uevents and the kernel log.
check "memory blocks were onlined, and each was timed" latency attach_to_online '.count == $c.blocks_onlined and .count > 0'
# Each block is added and goes online, is taken offline and back online by the trigger, then goes offline and is removed.
check "each block caused at least six uevents" counters '.guest_uevents >= 6 * .blocks_onlined'
check "there were hardly any other uevents" counters '.guest_uevents <= 6 * .blocks_onlined + 100'
check "all memory blocks were removed, unless the guest refused" counters '.guest_memory_blocks == 0 or .detach_refused > 0'
check "a large DIMM adds 8 blocks, and a burst of small DIMMs adds 6" counters '.blocks_onlined >= 14 * ((.rounds / 2) | floor) + 8 * (.rounds % 2) - (.blocks_missing // 0)'
check "the trigger took each block offline at most once" latency offline '.count <= $c.blocks_onlined'
lkctl run logs "$(jq -r .id "$T/run.json")" >"$T/console"
check "according to the kernel log, the lock was always acquired" same "$(grep -c 'kexec_trylock() failed' "$T/console")" 0
check "the elfcorehdr was correct at every check" counters '.header_checks >= .rounds and .header_mismatches == 0 and .trylock_failures == 0'
