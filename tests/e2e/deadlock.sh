#!/usr/bin/env bash
# All CPUs spin with interrupts off: nothing is printed, nobody is heard. Only the hang judge sees it, and only an NMI tells
# where.
. "$(dirname "$0")/lib.sh"
ready lab
drill 'act: lkdtm, crashpoint: HARDLOCKUP, cpus: all'
check "exit 1" same $status 1
check "one finding" findings 'length == 1'
check "a hang, named after the way into the kernel" findings '.[0] | .kind == "hang" and .title == "hang in sys_write"'
check "both CPUs are shown in the function that spins" findings '.[0] | [.frames] + [.others[].frames] | map(select(any(.function == "lkdtm_HARDLOCKUP"))) | length == 2'
check "every step is recorded with what it gave" json "$T/run.json" '[.postMortem[] | select(.outcome == "done") | .step] == ["drain", "registers", "nmi", "destroy"]'
check "the registers say that interrupts are off" json "$T/run.json" '.postMortem[] | select(.step == "registers") | (.detail | test("2 of 2")) and (.text | test("RIP"))'
check "the silence ended the run, not its time" ended hang
check "nothing is left" nothing_left

# The same with a memory dump, which is kept.
status=0
campaign '{ name: fire_drill, duration: 5min, params: { act: lkdtm, crashpoint: HARDLOCKUP, cpus: all } }' 'retries: { error: 0, fail: 0 }' \
  'onHang: { nmi: false, dump: true }' |
  timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "it has ended within 600 s" test $status != 124
jq '.runs[0]' "$T/result.json" >"$T/run.json"
run=$(jq -r .id "$T/run.json")
check "without the NMI it is a hang in the scenario" findings 'length == 1 and (.[0] | .kind == "hang" and .title == "hang in fire_drill")'
check "the NMI was not sent, and it says why" json "$T/run.json" '.postMortem[] | select(.step == "nmi") | .outcome == "skipped" and .detail != ""'
check "memory was dumped" json "$T/run.json" '.postMortem[] | select(.step == "dump") | .outcome == "done"'
mkdir "$T/artifacts"
check "the dump can be fetched" lkctl run artifacts "$run" --download "$T/artifacts"
check "and is one" same "$(head -c 5 "$T/artifacts/vmcore")" KDUMP
