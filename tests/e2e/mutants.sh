#!/usr/bin/env bash
# One campaign over the lab kernel and its mutants: every scenario passes on the one and fails on its own mutant, for the
# reason that the scenario is about; and what it counts is what the kernel's own statistics say.
#   mutants.sh [--arm64]     with gic_lpi_hotplug, which alone takes as long as all others, and more to build: by hand
kernel_cache=${XDG_CACHE_HOME:-$HOME/.cache}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/metrics_lib.sh"
scenarios='unaccepted_memory iommu_invalidation ipi_low_memory crash_hotplug'
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel lab)" >/dev/null
for scenario in $scenarios; do
  lkctl kernel add "$(mutant $scenario)" >/dev/null
done
x86="$scenarios"
if [ "${1:-}" = --arm64 ]; then
  gic=$(XDG_CACHE_HOME=$kernel_cache "$top/deploy/kernels/lab" --arch arm64 --flavour rt --mutant gic_lpi_hotplug)
  lkctl kernel add "$gic" >/dev/null
  lkctl kernel add "$(dirname "$gic")/$(sed -n 's/^mutant-of=//p' "$gic/labels")" >/dev/null
  scenarios="$scenarios gic_lpi_hotplug"
  cp "$top/deploy/mutants.yaml" "$T/mutants.yaml"
else
  sed '/name: gic_lpi_hotplug/d; s/arm64-gicv3, //' "$top/deploy/mutants.yaml" >"$T/mutants.yaml"
fi
all=$(wc -w <<<"$scenarios")
status=0
timeout 2400 lkctl -o json campaign start --wait "$T/mutants.yaml" >"$T/result.json" 2>"$T/progress" || status=$?
jq -r '.runs[] | "\(.kernel) \(.scenario) \(.verdict) \(.reason) [\([.phases[].seconds] | add | floor) s]"' "$T/result.json"
check "exit 0: the controls prove, they do not judge" same $status 0
# QEMU may die of itself; such an attempt is nobody's, and another has taken its place.
jq '.runs |= map(select(.superseded | not))' "$T/result.json" >"$T/counted.json"
check "two runs of each" json "$T/counted.json" ".runs | length == 2 * $all"

# run MUTANT(true|false) SCENARIO FILTER
run() { json "$T/counted.json" ".runs[] | select((.control // false) == $1 and .scenario == \"$2\") | $3"; }
for scenario in $scenarios; do
  check "$scenario passes on the lab kernel" run false $scenario '.verdict == "pass"'
  check "$scenario fails on its mutant" run true $scenario '.verdict == "fail" and .blame == "kernel"'
done
found() { run true "$1" "[.findings[] | select(.tolerated | not)] | any($2)"; }
check "memory acceptance: the lockup is in it, or all CPUs were no faster than one" \
  found unaccepted_memory '(.kind == "soft_lockup" and (.frames | map(.function) | any(test("accept")))) or (.title | test("parallel_acceptance"))'
check "queued invalidation: silence with interrupts off, a submitter waits for its descriptor" \
  found iommu_invalidation '(.kind | test("hang|hard_lockup|soft_lockup|rcu_stall|csd_stall")) and ([.frames[].function, .others[]?.frames[]?.function] | any(test("qi_submit_sync")))'
check "cross calls: both sides are named" \
  found ipi_low_memory '[.frames[].function, .others[]?.frames[]?.function] | any(test("smp_call|csd")) and any(test("mtrr|rendezvous"))'
check "crash header: the kexec lock could only be tried" \
  found crash_hotplug '.title | test("trylock")'
if [ $all -eq 5 ]; then
  check "LPI tables: the reservation sleeps in atomic context" \
    found gic_lpi_hotplug '.kind == "sleep_in_atomic" and (.excerpt | test("its_cpu_memreserve_lpi|gic_reserve_range|efi_mem_reserve"))'
fi
for scenario in unaccepted_memory iommu_invalidation ipi_low_memory; do
  check "$scenario is marked emulated" run false $scenario '.emulated'
done
check "crash_hotplug is not: nothing stood in for hardware" run false crash_hotplug '(.emulated // false) | not'
for scenario in $x86; do
  jq ".runs[] | select((.control // false) == false and .scenario == \"$scenario\")" "$T/counted.json" >"$T/run.json"
  echo "--- $scenario"
  jq -r '(.counters[] | "  \(.name) \(.value)"), (.latencies[] | "  \(.probe) \(.count)"), (.skippedParts // [])[]' "$T/run.json"
  . "$(dirname "$0")/metrics_$scenario.sh"
done
check "mutation score $all/$all" json "$T/result.json" ".mutationScore | .killed == $all and .all == $all"
id=$(jq -r .id "$T/result.json")
check "which the table tells" grep -q "Mutation score $all/$all" <<<"$(lkctl campaign show "$id")"
check "and the metrics" same $all "$(curl -s "http://$metrics/metrics" | grep -c '^lk_mutants{.*state="killed".*} 1$')"
lkctl campaign show "$id"

# Two more of each make a regression that is sure.
timeout 1200 lkctl campaign start --wait "$T/mutants.yaml" --set spec.repeats=2 \
  --set 'spec.scenarios=[{ name: crash_hotplug, profiles: [ hotplug-dimm-large ], duration: 10s }]' >/dev/null 2>&1 || true
lab=$(jq -r '.runs[] | select(.scenario == "crash_hotplug" and (.control | not)) | .kernelId' "$T/counted.json")
mutant=$(jq -r '.runs[] | select(.scenario == "crash_hotplug" and .control) | .kernelId' "$T/counted.json")
status=0
lkctl -o json kernel compare "$lab" "$mutant" --scenario crash_hotplug >"$T/compare.json" || status=$?
lkctl kernel compare "$lab" "$mutant" --scenario crash_hotplug || true
check "the mutant is called worse, by its pass rate" json "$T/compare.json" '[.rows[] | select(.measure == "pass_rate") | .call == "worse" and .adjustedP < 0.05] | all and length == 1'
check "with exit 1" same $status 1
check "its runs are named as controls" json "$T/compare.json" '.b.controls == 3 and .a.controls == 0'
lkctl campaign report "$id" --format html -o "$T/report.html"
check "the report has the score" grep -q 'Mutation score <b class="pass">4 of 4</b>' "$T/report.html"
check "nothing is left" nothing_left
