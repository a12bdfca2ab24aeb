#!/usr/bin/env bash
# Runs one campaign on the lab kernel and its mutants: every scenario passes on the lab kernel and kills its mutants by
# their symptoms, and its counters match the kernel's own statistics. mutants/SCENARIO.sh contains the checks for each
# scenario. Then runs `baseline` on the mutants, which must pass: only the scenario's work makes them fail.
#   mutants.sh [SCENARIO | SCENARIO/NAME]...     default: all; gic_lpi_hotplug takes as long as the others together
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/metrics_lib.sh"
mutants=$(lab --list-mutants)
[ $# -eq 0 ] || mutants=$(for word in "$@"; do grep -E "^$word(/|\$)" <<<"$mutants"; done)
scenarios=$(cut -d/ -f1 <<<"$mutants" | sort -u | paste -sd' ')
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
for mutant in $mutants; do
  folder=$(mutant "$mutant")
  lkctl kernel add "$folder" >/dev/null
  # The mutants of one architecture share an unmutated kernel.
  lkctl kernel add "$(unmutated "$folder")" >/dev/null
done
# shellcheck disable=SC2086  # words
mutants_yaml $scenarios >"$T/mutants.yaml"
all=$(wc -w <<<"$mutants")
status=0
timeout 5400 lkctl -o json campaign start --wait "$T/mutants.yaml" >"$T/result.json" 2>"$T/progress" || status=$?
jq -r '.runs[] | "\(.kernel) \(.scenario) \(.verdict) \(.reason) [\([.phases[].seconds] | add | floor) s]"' "$T/result.json"
id=$(jq -r .id "$T/result.json")
lkctl campaign show "$id"
check "exit status 0: a mutant that is killed does not fail the campaign" same $status 0
# QEMU may crash on its own. Such a run has been retried and does not count.
jq '.runs |= map(select(.superseded | not))' "$T/result.json" >"$T/counted.json"
check "each scenario has one run on the lab kernel and one on each mutant" \
  json "$T/counted.json" ".runs | length == $(wc -w <<<"$scenarios") + $all"

# run MUTANT SCENARIO FILTER checks a run; MUTANT is "" for the run on the lab kernel.
run() { json "$T/counted.json" "[.runs[] | select((.mutation // \"\") == \"$1\" and .scenario == \"$2\")] | length == 1 and (.[0] | $3)"; }
for scenario in $scenarios; do check "$scenario passes on the lab kernel" run "" "$scenario" '.verdict == "pass"'; done
for mutant in $mutants; do
  check "$mutant is killed by its symptom" run "${mutant#*/}" "${mutant%/*}" '.control and .verdict == "fail" and .blame == "kernel" and .symptom != ""'
done
# found MUTANT FILTER checks that one of the findings on a mutant matches. mutants/SCENARIO.sh lists exact titles, since
# several detectors may be the first to report: each names the function that the mutant breaks, or one that waits for it.
found() {
  [[ $mutants != *"$scenario/$1"* ]] ||
    check "the finding on $scenario/$1 names the function" run "$1" "$scenario" "[.findings[] | select(.tolerated | not)] | any($2)"
}
for scenario in $scenarios; do
  jq ".runs[] | select((.control // false) == false and .scenario == \"$scenario\")" "$T/counted.json" >"$T/run.json"
  echo "--- $scenario"
  jq -r '((.counters // [])[] | "  \(.name) \(.value)"), ((.latencies // [])[] | "  \(.probe) \(.count)"), (.skippedParts // [])[]' "$T/run.json"
  if emulates "$scenario"; then check "$scenario is marked emulated" run "" "$scenario" '.emulated'; fi
  if has_harness "$scenario"; then check "$scenario is marked harness" run "" "$scenario" '.harness'; fi
  . "$(dirname "$0")/mutants/$scenario.sh"
done
check "mutation score $all/$all" json "$T/result.json" ".mutationScore | .killed == $all and .all == $all"
check "the table shows the mutation score" grep -q "Mutation score $all/$all" <<<"$(lkctl campaign show "$id")"
check "the metrics count all mutants as killed" same $all "$(curl -s "http://$metrics/metrics" | grep -c '^lk_mutants{.*state="killed".*} 1$')"

# baseline on each mutant, with the profile of its scenario.
for scenario in $scenarios; do
  status=0
  timeout 2400 lkctl -o json campaign start --wait "$T/mutants.yaml" --set "spec.kernels=[{ match: '*-mutant-$scenario-*' }]" \
    --set "spec.profiles=[$(profile_of "$scenario")]" --set 'spec.scenarios=[{ name: baseline, duration: 3s }]' \
    --set spec.positiveControls=off >"$T/baseline.json" 2>"$T/progress" || status=$?
  jq -r '.runs[] | "\(.kernel) \(.scenario) \(.verdict) \(.reason)"' "$T/baseline.json"
  check "baseline passes on all mutants of $scenario" same "$status $(jq '[.runs[] | select(.verdict == "pass")] | length' "$T/baseline.json")" \
    "0 $(grep -c "^$scenario/" <<<"$mutants")"
done

# Two more runs on each kernel make the regression significant.
if [[ $mutants == *crash_hotplug/mutex* && $all -gt 1 ]]; then
  timeout 1200 lkctl campaign start --wait "$T/mutants.yaml" --set spec.repeats=2 \
    --set 'spec.kernels=[{ match: "*-lk-lab" }, { match: "*-lk-lab-mutant-crash_hotplug-mutex" }]' \
    --set 'spec.scenarios=[{ name: crash_hotplug, profiles: [ hotplug-dimm-large ], duration: 10s }]' >/dev/null 2>&1 || true
  lab=$(jq -r '.runs[] | select(.scenario == "crash_hotplug" and (.control | not)) | .kernelId' "$T/counted.json")
  mutant=$(jq -r '.runs[] | select(.mutation == "mutex") | .kernelId' "$T/counted.json")
  status=0
  lkctl -o json kernel compare "$lab" "$mutant" --scenario crash_hotplug >"$T/compare.json" || status=$?
  lkctl kernel compare "$lab" "$mutant" --scenario crash_hotplug || true
  check "the pass rate of the mutant is significantly worse" json "$T/compare.json" '[.rows[] | select(.measure == "pass_rate") | .call == "worse" and .adjustedP < 0.05] | all and length == 1'
  check "compare exits with status 1" same $status 1
  check "the mutant's runs are counted as controls" json "$T/compare.json" '.b.controls == 3 and .a.controls == 0'
fi
lkctl campaign report "$id" --format html -o "$T/report.html"
check "the report has the mutation score" grep -q 'Mutation score <b class="pass">'"$all of $all"'</b>' "$T/report.html"
check "nothing is left behind" nothing_left
