#!/usr/bin/env bash
# kill -9 of lkd in the middle: the next start takes the VM over, finishes the campaign and leaves nothing.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel 6.12)" >/dev/null
id=$(campaign '{ name: baseline, duration: 20s }' 'repeats: 2' 'maxParallel: 1' | lkctl -o json campaign start - | jq -r .id)
check "it runs" wait_for 300 run_state "$id" running
lkctl -o json campaign watch "$id" >"$T/watch" 2>/dev/null &
watcher=$!
check "somebody watches" wait_for 60 test -s "$T/watch"
qemu=$(qemu_pid)
kill -9 "$lkd_pid"
wait "$lkd_pid" 2>/dev/null || true
check "the VM outlives lkd" kill -0 "$qemu"
# The hypervisor's own copy of the console goes with the run; a second name keeps it for the comparison.
ln "$T/s/lk/runs/$id-001/console.host" "$T/console.host"
start_lkd
await_end "$id"
lkctl -o json campaign show "$id" >"$T/result.json"
jq -r '.runs[] | .id, .verdict, .reason, .journal[]' "$T/result.json"
check "the campaign is finished and passes" json "$T/result.json" '.state == "finished" and .verdict == "pass" and .counts.pass == 2'
check "the run that was under way was taken over, not repeated" json "$T/result.json" '(.runs | length) == 2 and ([.runs[].attempt] == [1, 1])'
lkctl run logs "$(jq -r '.runs[0].id' "$T/result.json")" | tr -d '\r' >"$T/console"
check "one boot on the console" same "$(grep -c 'Linux version' "$T/console")" 1
check "no byte of it is lost or doubled" cmp "$T/s/lk/runs/$id-001/console.log" "$T/console.host"
check "the watcher that was there went on by itself" wait "$watcher"
check "it saw every event once" same "$(jq -s '[.[].sequence] == [range(1; length + 1)]' "$T/watch")" true
check "nothing is left" nothing_left
