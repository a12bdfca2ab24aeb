#!/usr/bin/env bash
# Runs the scenarios on old and new distribution kernels: no run fails, and every skipped run has a reason.
#   stock.sh [--busy] [REPEATS [BUILD...]]
#     --busy    a loop keeps one core busy meanwhile; runs of which the host is to blame may then end unproven or as error
#     BUILD     tested in addition to the two that tests/run fetches: a line printed by deploy/kernels/fetch
. "$(dirname "$0")/lib.sh"
accepted='"pass", "skip"'
if [ "${1:-}" = --busy ]; then
  shift
  accepted+=', "unproven", "error"'
  # Ends by itself at the latest after as long as the campaign may take.
  taskset -c 0 timeout 4h bash -c 'while :; do :; done' &
  peer_pid=$!
fi
repeats=${1:-1}
shift $(($# > 0))
# profiles_of SCENARIO prints its profiles, some of which differ from those for the lab kernel.
profiles_of() {
  case $1 in
    crash_hotplug) echo hotplug-dimm-small ;;
    unaccepted_memory) echo confidential-emulated, confidential-sev-snp ;;
    *) profile_of "$1" ;;
  esac
}
scenarios=$(with_mutant_x86)
ready 6.1 6.12
for build in "$@"; do
  # shellcheck disable=SC2086  # a build may consist of several packages
  lkctl kernel add --together $build
done
lkctl -o json campaign start --wait - >"$T/result.json" 2>"$T/progress" <<YAML || true
apiVersion: lk/v1
kind: Campaign
metadata: { name: stock }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ $(for scenario in $scenarios; do profiles_of "$scenario"; done | sed 's/, /\n/g' | sort -u | paste -sd,) ]
  scenarios:
$(for scenario in $scenarios; do echo "    - { name: $scenario, profiles: [ $(profiles_of "$scenario") ], duration: 30s }"; done)
  repeats: $repeats
  maxParallel: 1
YAML
[ -s "$T/result.json" ] || cat "$T/progress"
jq -r '.runs[] | "\(.kernel) \(.profile) \(.scenario) \(.verdict) \(.reason)"' "$T/result.json"
check "no run fails" json "$T/result.json" '[.runs[] | .verdict] | all(. != "fail")'
check "every other run ends as expected" json "$T/result.json" "[.runs[] | select(.superseded | not) | .verdict] | all(IN($accepted))"
check "every skipped run has a reason" json "$T/result.json" '[.runs[] | select(.verdict == "skip") | .reason] | all(length > 10)'
check "iommu_invalidation and ipi_low_memory ran and passed" json "$T/result.json" \
  '[.runs[] | select((.superseded | not) and (.scenario == "iommu_invalidation" or .scenario == "ipi_low_memory")) | .verdict] | length > 3 and all(IN('"$accepted"') and . != "skip")'
check "nothing is left behind" nothing_left
