#!/usr/bin/env bash
# Each scenario cancelled in its middle, and with its trigger's process killed: a clean verdict, and no VM is left.
. "$(dirname "$0")/lib.sh"
# scenario_campaign NAME: five minutes of it on its own profile.
scenario_campaign() {
  cat <<YAML
apiVersion: lk/v1
kind: Campaign
metadata: { name: $1 }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ $(profile_of "$1") ]
  scenarios: [ { name: $1, duration: 5min } ]
  retries: { error: 0, fail: 0 }
YAML
}
progress() { lkctl -o json run show "$1" | jq -e '(.operations // 0) > 0' >/dev/null; }
scenarios=$(with_mutant_x86)

ready lab
for scenario in $scenarios; do
  id=$(scenario_campaign $scenario | lkctl -o json campaign start - | jq -r .id)
  run=$id-001
  check "$scenario is at its work" wait_for 600 progress "$run"
  lkctl campaign cancel "$id" >/dev/null
  await_end "$id"
  lkctl -o json run show "$run" >"$T/run.json"
  check "$scenario, cancelled: skip, without a finding" json "$T/run.json" '.verdict == "skip" and (.reason | test("cancel")) and ((.findings // []) | length == 0)'
  check "$scenario: it did not go on to its time" ended cancelled
  check "$scenario: no VM" same "$(domains)" ""
done

stop_lkd
configure 'testHooks: [ kill_worker ]'
start_lkd
for scenario in $scenarios; do
  status=0
  scenario_campaign $scenario | timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
  check "$scenario, its process killed: error, the test's, without a finding" json "$T/run.json" \
    '.verdict == "error" and .blame == "test" and (.reason | test("signal 9")) and ((.findings // []) | map(select(.tolerated | not)) | length == 0)'
  check "$scenario: exit 3" same $status 3
done
check "nothing is left" nothing_left
