#!/usr/bin/env bash
# Runs one campaign on the lab kernel and its mutants: every scenario passes on the lab kernel and fails on its own
# mutant because of the bug that it tests for, and its counters match the kernel's own statistics. mutants/SCENARIO.sh
# contains the checks for each scenario.
#   mutants.sh [SCENARIO...]     default: all; gic_lpi_hotplug takes as long as the others together
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/metrics_lib.sh"
every=$(with_mutant)
scenarios=${*:-$every}
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
cp "$top/deploy/mutants.yaml" "$T/mutants.yaml"
# The mutants for x86-64 share one unmutated kernel.
for scenario in $every; do
  case " $scenarios " in *" $scenario "*) ;; *) sed -i "/name: $scenario/d" "$T/mutants.yaml"; continue ;; esac
  folder=$(mutant $scenario)
  lkctl kernel add "$folder" >/dev/null
  lkctl kernel add "$(dirname "$folder")/$(sed -n 's/^mutant-of=//p' "$folder/labels")" >/dev/null
done
# Keeps only the profiles of the remaining scenarios.
sed -i "s/^  profiles: .*/  profiles: [ $(sed -n 's/.*profiles: \[ \([^ ]*\) \].*/\1/p' "$T/mutants.yaml" | grep -v , | sort -u | paste -sd,) ]/" "$T/mutants.yaml"
all=$(wc -w <<<"$scenarios")
status=0
timeout 2400 lkctl -o json campaign start --wait "$T/mutants.yaml" >"$T/result.json" 2>"$T/progress" || status=$?
jq -r '.runs[] | "\(.kernel) \(.scenario) \(.verdict) \(.reason) [\([.phases[].seconds] | add | floor) s]"' "$T/result.json"
check "exit status 0: a mutant on which its scenario fails does not fail the campaign" same $status 0
# QEMU may crash on its own. Such a run has been retried and does not count.
jq '.runs |= map(select(.superseded | not))' "$T/result.json" >"$T/counted.json"
check "each scenario has two runs" json "$T/counted.json" ".runs | length == 2 * $all"

# run MUTANT(true|false) SCENARIO FILTER
run() { json "$T/counted.json" ".runs[] | select((.control // false) == $1 and .scenario == \"$2\") | $3"; }
for scenario in $scenarios; do
  check "$scenario passes on the lab kernel" run false $scenario '.verdict == "pass"'
  check "$scenario fails on its mutant" run true $scenario '.verdict == "fail" and .blame == "kernel"'
done
# found TEXT FILTER checks that one of the findings on the scenario's mutant matches. mutants/SCENARIO.sh lists the exact
# titles, since several detectors may be the first to report: each names the function that the mutant breaks, or one
# that waits for it.
found() { check "$1" run true $scenario "[.findings[] | select(.tolerated | not)] | any($2)"; }
for scenario in $scenarios; do
  jq ".runs[] | select((.control // false) == false and .scenario == \"$scenario\")" "$T/counted.json" >"$T/run.json"
  echo "--- $scenario"
  jq -r '((.counters // [])[] | "  \(.name) \(.value)"), ((.latencies // [])[] | "  \(.probe) \(.count)"), (.skippedParts // [])[]' "$T/run.json"
  if emulates $scenario; then check "$scenario is marked emulated" run false $scenario '.emulated'; fi
  . "$(dirname "$0")/mutants/$scenario.sh"
done
check "mutation score $all/$all" json "$T/result.json" ".mutationScore | .killed == $all and .all == $all"
id=$(jq -r .id "$T/result.json")
check "the table shows the mutation score" grep -q "Mutation score $all/$all" <<<"$(lkctl campaign show "$id")"
check "the metrics count all mutants as killed" same $all "$(curl -s "http://$metrics/metrics" | grep -c '^lk_mutants{.*state="killed".*} 1$')"
lkctl campaign show "$id"

# Two more runs on each kernel make the regression significant.
if [[ " $scenarios " == *" crash_hotplug "* && $all -gt 1 ]]; then
  timeout 1200 lkctl campaign start --wait "$T/mutants.yaml" --set spec.repeats=2 \
    --set 'spec.scenarios=[{ name: crash_hotplug, profiles: [ hotplug-dimm-large ], duration: 10s }]' >/dev/null 2>&1 || true
  lab=$(jq -r '.runs[] | select(.scenario == "crash_hotplug" and (.control | not)) | .kernelId' "$T/counted.json")
  mutant=$(jq -r '.runs[] | select(.scenario == "crash_hotplug" and .control) | .kernelId' "$T/counted.json")
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
