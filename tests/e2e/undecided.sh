#!/usr/bin/env bash
# Two mutants of crash_hotplug that fail for other reasons than the scenario's (hooks/): one panics at boot, one causes an
# unrelated oops. Neither is killed, so the scenario's pass on the unmutated kernel is unproven.
. "$(dirname "$0")/lib.sh"
cp -r "$top/agent/scenarios" "$T/scenarios"
cp "$top"/tests/e2e/hooks/*.cocci "$T/scenarios/crash_hotplug"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
for mutant in boot oops; do
  folder=$(lab --scenarios "$T/scenarios" --mutant "crash_hotplug/$mutant")
  lkctl kernel add "$folder" >/dev/null
  lkctl kernel add "$(unmutated "$folder")" >/dev/null
done
for mutant in boot oops; do
  status=0
  timeout 600 lkctl -o json campaign start --wait - >"$T/$mutant.json" 2>"$T/progress" <<YAML || status=$?
apiVersion: lk/v1
kind: Campaign
metadata: { name: $mutant }
spec:
  kernels: [ { match: "*-lk-lab" }, { match: "*-mutant-crash_hotplug-$mutant" } ]
  profiles: [ hotplug-dimm-large ]
  scenarios: [ { name: crash_hotplug, duration: 10s } ]
  positiveControls: require
  maxParallel: 1
YAML
  id=$(jq -r .id "$T/$mutant.json")
  lkctl campaign show "$id"
  check "$mutant: lkctl exits with status 3" same $status 3
  check "$mutant: the mutant's run fails" json "$T/$mutant.json" '.runs[] | select(.control) | .verdict == "fail" and .symptom == ""'
  check "$mutant: the mutant is undecided" json "$T/$mutant.json" '.mutants == [.mutants[0]] and .mutants[0].state == "undecided"'
  check "$mutant: the score counts it as not killed" json "$T/$mutant.json" '.mutationScore.killed == 0 and .mutationScore.all == 1'
  check "$mutant: the pass on the unmutated kernel is unproven" json "$T/$mutant.json" \
    '[.runs[] | select((.control | not) and (.superseded | not))] | length == 1 and .[0].verdict == "unproven" and (.[0].reason | contains("failed without a symptom of the mutant"))'
done
check "the panic at boot is named" json "$T/boot.json" '.mutants[0].reason | contains("panics at boot") and contains("expected invariant kexec_trylock")'
check "the unrelated oops is named" json "$T/oops.json" '.mutants[0].reason | contains("kernel BUG") and contains("expected invariant kexec_trylock")'
check "nothing is left behind" nothing_left
