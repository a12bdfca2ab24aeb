#!/usr/bin/env bash
# QEMU is killed from outside: error, infrastructure's fault, and the run is tried again.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel 6.1)" >/dev/null
id=$(campaign '{ name: baseline, duration: 30s }' | lkctl -o json campaign start - | jq -r .id)
check "it runs" wait_for 300 run_state "$id" running
qemu=$(qemu_pid)
kill -9 "$qemu"
await_end "$id"
lkctl -o json campaign show "$id" >"$T/result.json"
check "the first attempt is an error of the infrastructure" json "$T/result.json" '.runs[0] | .verdict == "error" and .blame == "infrastructure" and .superseded'
check "it was tried again and passed" json "$T/result.json" '.runs[1] | .verdict == "pass" and .attempt == 2'
check "the campaign passes" json "$T/result.json" '.verdict == "pass" and .counts.pass == 1 and .counts.superseded == 1'
check "nothing is left" nothing_left
