#!/usr/bin/env bash
# Runs the scenarios that have mutants on the lab kernel, again and again: every run that is judged passes, and at most
# two attempts at each scenario were lost to faults of QEMU.
#   steady.sh [REPEATS [SCENARIO...]]     default: 10, all
. "$(dirname "$0")/lib.sh"
repeats=${1:-10}
shift $(($# > 0))
# shellcheck disable=SC2046  # words
[ $# -gt 0 ] || set -- $(with_mutant)
scenarios=("$@")
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
for scenario in "${scenarios[@]}"; do
  first=$(mutants_of "$scenario" | head -n 1)
  lkctl kernel add "$(unmutated "$(mutant "$first")")" >/dev/null
done
mutants_yaml "${scenarios[@]}" >"$T/steady.yaml"
status=0
lkctl -o json campaign start --wait "$T/steady.yaml" --set "spec.repeats=$repeats" --set spec.positiveControls=off \
  --set spec.deadline=24h >"$T/result.json" 2>"$T/progress" || status=$?
[ -s "$T/result.json" ] || cat "$T/progress"
jq -r '.runs[] | "\(.scenario) \(.verdict)\(if .superseded then " (retried)" else "" end) \(.reason) [\([.phases[].seconds] | add | floor) s]"' "$T/result.json"
lkctl campaign show "$(jq -r .id "$T/result.json")"
check "lkctl exits with status 0" same $status 0
for scenario in "${scenarios[@]}"; do
  runs="[.runs[] | select(.scenario == \"$scenario\")]"
  check "$scenario: $repeats of $repeats pass" json "$T/result.json" \
    "$runs | map(select(.superseded | not)) | length == $repeats and all(.verdict == \"pass\")"
  check "$scenario: at most two attempts were retried, because of QEMU" json "$T/result.json" \
    "$runs | map(select(.superseded)) | length <= 2 and all(.verdict == \"error\")"
done
check "nothing is left behind" nothing_left
