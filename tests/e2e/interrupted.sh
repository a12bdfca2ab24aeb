#!/usr/bin/env bash
# Each scenario is first cancelled halfway, then run again with its trigger's process killed. The kernel is not blamed
# for either, and no VM is left behind.
. "$(dirname "$0")/lib.sh"
# scenario_campaign NAME prints a campaign with five minutes of the scenario on its own profile.
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
  check "$scenario is making progress" wait_for 600 progress "$run"
  lkctl campaign cancel "$id" >/dev/null
  await_end "$id"
  lkctl -o json run show "$run" >"$T/run.json"
  check "$scenario: the cancelled run is skipped, without a finding" json "$T/run.json" '.verdict == "skip" and (.reason | test("cancel")) and ((.findings // []) | length == 0)'
  check "$scenario: the run ended because it was cancelled" ended cancelled
  check "$scenario: no VM is left behind" same "$(domains)" ""
done

stop_lkd
configure 'testHooks: [ kill_worker ]'
start_lkd
for scenario in $scenarios; do
  status=0
  scenario_campaign $scenario | timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
  check "$scenario: the verdict is error, blame test, without a finding, because the trigger was killed" json "$T/run.json" \
    '.verdict == "error" and .blame == "test" and (.reason | test("signal 9")) and ((.findings // []) | map(select(.tolerated | not)) | length == 0)'
  check "$scenario: lkctl exits with status 3" same $status 3
done
check "nothing is left behind" nothing_left
