#!/usr/bin/env bash
# fire_drill makes a guest panic (sysrq-c): the run fails, with a finding that has its offsets in the console log.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
for version in 6.1 6.12; do lkctl kernel add "$(kernel $version)" >/dev/null; done

status=0
campaign '{ name: fire_drill, duration: 60s, params: { act: sysrq, key: c } }' | lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "exit status 1: runs failed" same $status 1
check "both runs fail, blame kernel" json "$T/result.json" '[.runs[] | .verdict == "fail" and .blame == "kernel"] | all and length == 2'
check "each run has one panic finding" json "$T/result.json" '[.runs[] | [.findings[] | select(.kind == "panic")] | length == 1] | all'
check "the title names the reason for the panic" json "$T/result.json" '[.runs[].findings[] | select(.kind == "panic") | .title == "kernel panic: sysrq triggered crash"] | all'
check "the runs ended because of the panic" json "$T/result.json" '[.runs[].journal | any(test("s finishing: fatal finding"))] | all'
run=$(jq -r '.runs[0].id' "$T/result.json")
lkctl run logs "$run" >"$T/console"
start=$(jq '.runs[0].findings[] | select(.kind == "panic") | .startOffset' "$T/result.json")
end=$(jq '.runs[0].findings[] | select(.kind == "panic") | .endOffset' "$T/result.json")
head -c "$end" "$T/console" | tail -c $((end - start)) >"$T/excerpt"
check "the offsets match the panic message" grep -q 'Kernel panic - not syncing: sysrq triggered crash' "$T/excerpt"
check "lkctl detect finds the panic at the same offsets" bash -c "lkctl -o json detect '$T/console' | jq -e '.findings[] | select(.kind == \"panic\") | .startOffset == $start and .endOffset == $end'"
check "lkctl run show prints the excerpt" bash -c "lkctl run show $run | grep -q 'not syncing'"

id=$(jq -r .id "$T/result.json")
status=0
lkctl -o json campaign rerun "$id" --failed --wait >"$T/again.json" 2>/dev/null || status=$?
check "the rerun fails, too" same $status 1
cells() { jq -c '[.runs[] | [.kernelId, .profile, .scenario, .repeat, .seed]]' "$1"; }
check "the rerun has the same runs with the same seeds" same "$(cells "$T/again.json")" "$(cells "$T/result.json")"
check "the rerun refers to the original campaign" json "$T/again.json" ".id != \"$id\" and .labels.rerunOf == \"$id\""
lkctl kernel remove "$(jq -r '.runs[0].kernelId' "$T/result.json")" >/dev/null
status=0
lkctl campaign rerun "$id" 2>"$T/refused" || status=$?
check "a rerun is refused if a kernel has been removed" same $status 4
check "the error names the removed kernel" grep -q "cannot rerun campaign $id: .*$(jq -r '.runs[0].kernelId' "$T/result.json")" "$T/refused"
check "nothing is left behind" nothing_left
