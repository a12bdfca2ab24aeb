#!/usr/bin/env bash
# All CPUs spin with interrupts off: neither the console nor the agent reports anything. lkd notices the deadlock only
# because nothing is heard from the guest, and only an NMI shows where the CPUs spin.
. "$(dirname "$0")/lib.sh"
ready lab
drill 'act: lkdtm, crashpoint: HARDLOCKUP, cpus: all'
check "lkctl exits with status 1" same $status 1
check "there is exactly one finding" findings 'length == 1'
check "the finding is a hang, named after the function that spins" findings '.[0] | .kind == "hang" and .title == "hang in lkdtm_HARDLOCKUP"'
check "the backtraces of both CPUs contain the spinning function" findings '.[0] | [.frames] + [.others[].frames] | map(select(any(.function == "lkdtm_HARDLOCKUP"))) | length == 2'
check "every post-mortem step is recorded as done" json "$T/run.json" '[.postMortem[] | select(.outcome == "done") | .step] == ["drain", "registers", "nmi", "destroy"]'
check "the registers show that interrupts are off" json "$T/run.json" '.postMortem[] | select(.step == "registers") | (.detail | test("2 of 2")) and (.text | test("RIP"))'
check "the run ended because of the hang" ended hang
check "nothing is left behind" nothing_left

# The same with a memory dump instead of the NMI.
status=0
campaign '{ name: fire_drill, duration: 5min, params: { act: lkdtm, crashpoint: HARDLOCKUP, cpus: all } }' 'retries: { error: 0, fail: 0 }' \
  'onHang: { nmi: false, dump: true }' |
  timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "the campaign finished within 600 s" test $status != 124
jq '.runs[0]' "$T/result.json" >"$T/run.json"
run=$(jq -r .id "$T/run.json")
check "without an NMI the hang is named after the scenario" findings 'length == 1 and (.[0] | .kind == "hang" and .title == "hang in fire_drill")'
check "the NMI step was skipped, with the reason" json "$T/run.json" '.postMortem[] | select(.step == "nmi") | .outcome == "skipped" and .detail != ""'
check "memory was dumped" json "$T/run.json" '.postMortem[] | select(.step == "dump") | .outcome == "done"'
mkdir "$T/artifacts"
check "the dump can be downloaded" lkctl run artifacts "$run" --download "$T/artifacts"
check "the dump is in the kdump format" same "$(head -c 5 "$T/artifacts/vmcore")" KDUMP
