# Sourced by mutants.sh, with the run on the lab kernel.
found "crash header: the kexec lock could only be tried" '.title | test("trylock")'
check "crash_hotplug: nothing stood in for hardware" run false $scenario '(.emulated // false) | not'
# What crash_hotplug counts is what the kernel says itself: memory blocks (sysfs), events, and its log.
check "blocks arrived, and each was timed" latency attach_to_online '.count == $c.blocks_onlined and .count > 0'
# Each block: it comes, goes online, offline, online again, offline, and leaves.
check "each with its events" counters '.guest_uevents >= 6 * .blocks_onlined'
check "and hardly any others" counters '.guest_uevents <= 6 * .blocks_onlined + 100'
check "in the end there are as many as before" counters '.guest_memory_blocks == 0 or .detach_refused > 0'
check "a large DIMM is 8 blocks, a burst of small ones 6" counters '.blocks_onlined >= 14 * ((.rounds / 2) | floor) + 8 * (.rounds % 2) - (.blocks_missing // 0)'
check "offline and online once for each" latency offline '.count <= $c.blocks_onlined'
lkctl run logs "$(jq -r .id "$T/run.json")" >"$T/console"
check "the lock was never missed, as the log says" same "$(grep -c 'kexec_trylock() failed' "$T/console")" 0
check "the header was right whenever it was looked at" counters '.header_checks >= .rounds and .header_mismatches == 0 and .trylock_failures == 0'
