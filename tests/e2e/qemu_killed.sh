#!/usr/bin/env bash
# QEMU is killed from outside: the verdict is error, blame infrastructure, and the run is retried.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel 6.1)" >/dev/null
id=$(campaign '{ name: baseline, duration: 30s }' | lkctl -o json campaign start - | jq -r .id)
check "the run starts" wait_for 300 run_state "$id" running
qemu=$(qemu_pid)
kill -9 "$qemu"
await_end "$id"
lkctl -o json campaign show "$id" >"$T/result.json"
check "the first attempt is an error, blame infrastructure" json "$T/result.json" '.runs[0] | .verdict == "error" and .blame == "infrastructure" and .superseded'
check "the retry passed" json "$T/result.json" '.runs[1] | .verdict == "pass" and .attempt == 2'
check "the campaign passes" json "$T/result.json" '.verdict == "pass" and .counts.pass == 1 and .counts.superseded == 1'
check "nothing is left behind" nothing_left
