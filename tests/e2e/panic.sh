#!/usr/bin/env bash
# A guest panics (sysrq-c, by the fire drill): fail, with the finding and its place in the console, and the run is over.
. "$(dirname "$0")/lib.sh"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
for version in 6.1 6.12; do lkctl kernel add "$(kernel $version)" >/dev/null; done

status=0
campaign '{ name: fire_drill, duration: 60s, params: { act: sysrq, key: c } }' | lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "exit 1: a run failed" same $status 1
check "both runs fail by the kernel" json "$T/result.json" '[.runs[] | .verdict == "fail" and .blame == "kernel"] | all and length == 2'
check "the finding is the panic, once" json "$T/result.json" '[.runs[] | [.findings[] | select(.kind == "panic")] | length == 1] | all'
check "its title" json "$T/result.json" '[.runs[].findings[] | select(.kind == "panic") | .title == "kernel panic: sysrq triggered crash"] | all'
check "it ends the runs, not their time" json "$T/result.json" '[.runs[].journal | any(test("s finishing: fatal finding"))] | all'
run=$(jq -r '.runs[0].id' "$T/result.json")
lkctl run logs "$run" >"$T/console"
start=$(jq '.runs[0].findings[] | select(.kind == "panic") | .startOffset' "$T/result.json")
end=$(jq '.runs[0].findings[] | select(.kind == "panic") | .endOffset' "$T/result.json")
head -c "$end" "$T/console" | tail -c $((end - start)) >"$T/excerpt"
check "the offsets are those of the report" grep -q 'Kernel panic - not syncing: sysrq triggered crash' "$T/excerpt"
check "lkctl detect finds it in the same bytes" bash -c "lkctl -o json detect '$T/console' | jq -e '.findings[] | select(.kind == \"panic\") | .startOffset == $start and .endOffset == $end'"
check "run show prints the excerpt" bash -c "lkctl run show $run | grep -q 'not syncing'"

id=$(jq -r .id "$T/result.json")
status=0
lkctl -o json campaign rerun "$id" --failed --wait >"$T/again.json" 2>/dev/null || status=$?
check "run again, they fail again" same $status 1
cells() { jq -c '[.runs[] | [.kernelId, .profile, .scenario, .repeat, .seed]]' "$1"; }
check "the same runs with the same seeds" same "$(cells "$T/again.json")" "$(cells "$T/result.json")"
check "which says what it runs again" json "$T/again.json" ".id != \"$id\" and .labels.rerunOf == \"$id\""
lkctl kernel remove "$(jq -r '.runs[0].kernelId' "$T/result.json")" >/dev/null
status=0
lkctl campaign rerun "$id" 2>"$T/refused" || status=$?
check "without its kernels it is refused" same $status 4
check "with the reason" grep -q "campaign $id cannot be run again: .*$(jq -r '.runs[0].kernelId' "$T/result.json")" "$T/refused"
check "nothing is left" nothing_left
