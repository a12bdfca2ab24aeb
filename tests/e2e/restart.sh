#!/usr/bin/env bash
# lkd is killed with SIGKILL during a run: after a restart it takes over the VM, finishes the campaign and leaves
# nothing behind.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel 6.12)" >/dev/null
id=$(campaign '{ name: baseline, duration: 20s }' 'repeats: 2' 'maxParallel: 1' | lkctl -o json campaign start - | jq -r .id)
check "the run starts" wait_for 300 run_state "$id" running
lkctl -o json campaign watch "$id" >"$T/watch" 2>/dev/null &
watcher=$!
check "a watcher is connected" wait_for 60 test -s "$T/watch"
qemu=$(qemu_pid)
kill -9 "$lkd_pid"
wait "$lkd_pid" 2>/dev/null || true
check "the VM outlives lkd" kill -0 "$qemu"
# The hypervisor's copy of the console is removed with the run; a hard link keeps it for the comparison.
ln "$T/s/lk/runs/$id-001/console.host" "$T/console.host"
start_lkd
await_end "$id"
lkctl -o json campaign show "$id" >"$T/result.json"
jq -r '.runs[] | .id, .verdict, .reason, .journal[]' "$T/result.json"
check "the campaign finishes and passes" json "$T/result.json" '.state == "finished" and .verdict == "pass" and .counts.pass == 2'
check "the run in progress was taken over, not repeated" json "$T/result.json" '(.runs | length) == 2 and ([.runs[].attempt] == [1, 1])'
lkctl run logs "$(jq -r '.runs[0].id' "$T/result.json")" | tr -d '\r' >"$T/console"
check "the console shows a single boot" same "$(grep -c 'Linux version' "$T/console")" 1
check "no byte of the console is lost or duplicated" cmp "$T/s/lk/runs/$id-001/console.log" "$T/console.host"
check "the watcher reconnected on its own" wait "$watcher"
check "the watcher saw every event once" same "$(jq -s '[.[].sequence] == [range(1; length + 1)]' "$T/watch")" true
check "nothing is left behind" nothing_left
