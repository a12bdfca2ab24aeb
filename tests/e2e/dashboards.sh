#!/usr/bin/env bash
# Runs campaigns on six kernel builds and a mutant, with a Prometheus that has our rules: every expression in the panels
# and rules returns data. After kill -9 no counter has decreased and no series is missing. The Pushgateway has every
# finished campaign, and the series of a removed kernel disappear.
. "$(dirname "$0")/lib.sh"
gateway=127.0.0.1:$(free_ports 1)
gateway_pid=
prometheus-pushgateway --web.listen-address=$gateway >"$T/gateway.log" 2>&1 &
gateway_pid=$!
trap 'status=$?; set +e; kill $gateway_pid 2>/dev/null; (exit $status); finish' EXIT
configure
sed -i "s|^metrics: {|metrics: { pushTo: \"http://$gateway\", pushInstance: e2e,|" "$T/lkd.yaml"
start_lkd
lkctl host add "$libvirt_uri" >/dev/null

mapfile -t stable < <(fetch --newest 2 bookworm 'linux-image-6.1.0-*-cloud-amd64')
mapfile -t backports < <(fetch --newest 3 bookworm-backports 'linux-image-6.12*-cloud-amd64')
for deb in "${stable[@]}" "${backports[@]}"; do lkctl kernel add "$deb" --label tree=debian >/dev/null; done
lkctl kernel add "$(kernel lab)" --label tree=lab >/dev/null
lkctl kernel add "$(mutant crash_hotplug/mutex)" >/dev/null
release() { lkctl -o json kernel list | jq -r "select($1) | .release"; }
newest=$(release '.labels.tree == "debian"' | sort -V | tail -n 1)
check "lkd has six builds and a mutant" same "$(release true | wc -l)" 7

# start NAME PROFILE SCENARIO KERNELS [SPEC-LINE...] starts a campaign and prints its id.
start() {
  local name=$1 profile=$2 scenario=$3 kernels=$4
  shift 4
  {
    printf 'apiVersion: lk/v1\nkind: Campaign\nmetadata: { name: %s }\nspec:\n' "$name"
    printf '  kernels: [ %s ]\n  profiles: [ %s ]\n  scenarios: [ %s ]\n  retries: { error: 1, fail: 0 }\n' "$kernels" "$profile" "$scenario"
    [ $# -eq 0 ] || printf '  %s\n' "$@"
  } | lkctl -o json campaign start - | jq -r .id
}
small='{ name: small, vcpus: 2, memory: 768MiB }'
all=$(start builds "$small" '{ name: baseline, duration: 3s }' '{ label: tree=debian }, { label: tree=lab }')
budget=$(start budget "$small" '{ name: baseline, duration: 3s, budgets: { timer_wakeup_p99: 1us } }' "\"$newest\"")
mutant=$(start mutant hotplug-dimm-large '{ name: crash_hotplug, duration: 15s }' '{ label: mutant=crash_hotplug }, { label: tree=lab }')
emulated=$(start emulated confidential-emulated '{ name: unaccepted_memory, duration: 15s }' '{ label: tree=lab }')
finished() { await_end "$1"; lkctl -o json campaign show "$1" >"$T/$2.json"; }
finished "$all" all
finished "$budget" budget
finished "$mutant" mutant
finished "$emulated" emulated
jq -r '.runs[] | "\(.kernel) \(.scenario) \(.verdict) \(.reason)"' "$T"/{all,budget,mutant,emulated}.json
check "every build has been run" json "$T/all.json" '.counts.total == 6 and ([.runs[] | .verdict == "pass" or .verdict == "fail"] | all)'
check "a budget was exceeded" json "$T/budget.json" '[.runs[].findings[] | select(.kind == "budget")] | length > 0'
check "the mutant is killed" json "$T/mutant.json" '[.mutants[].state] == ["killed"]'
check "a run was emulated" json "$T/emulated.json" '[.runs[] | .emulated] | any'

# A campaign in progress: one run is done, another is running.
live=$(start live "$small" '{ name: baseline, duration: 2s }, { name: fire_drill, duration: 10min, params: { act: none } }' "\"$newest\"" 'maxParallel: 1')
one_done_one_running() { lkctl -o json run list --campaign "$live" | jq -se 'map(.state) | any(. == "done") and any(. == "running")' >/dev/null; }
check "one run is done and another is running" wait_for 600 one_done_one_running
check "every expression has data, and none is rejected" "$top/tests/dashboards/prometheus" "$metrics"

scrape() { curl -sf "http://$metrics/metrics" >"$1"; }
# went_back BEFORE AFTER prints the counters and histograms that are missing or lower in AFTER.
went_back() {
  awk '$1 == "#" { if ($2 == "TYPE") counts = $4 == "counter" || $4 == "histogram"; next }
       { value = $NF; sub(/ [^ ]*$/, "") }
       FNR == NR { if (counts) before[$0] = value; next }
       { after[$0] = value }
       END { for (series in before) if (!(series in after) || after[series] + 0 < before[series] + 0) print series }' "$1" "$2"
}
scrape "$T/before"
kill -9 "$lkd_pid"
wait "$lkd_pid" 2>/dev/null || true
start_lkd
scrape "$T/after"
check "there are counters to compare" test "$(grep -c '_total\|_count' "$T/before")" -gt 50
check "after kill -9 no counter has decreased and no series is missing" same "$(went_back "$T/before" "$T/after")" ""
check "the comparison detects a counter that has decreased" test -n "$(went_back "$T/before" <(sed '/^lk_runs_total/s/ [0-9]*$/ 0/' "$T/after"))"
lkctl campaign cancel "$live" >/dev/null
await_end "$live"

pushed() { grep '^lk_runs_total{' <<<"$(curl -sf "http://$gateway/metrics")" | grep -F 'instance="e2e"' | grep -F "campaign=\"$1\"" >"$T/pushed"; }
for id in "$all" "$budget" "$mutant" "$emulated"; do check "campaign $id is in the Pushgateway" wait_for 120 pushed "$id"; done

oldest=$(release '.labels.tree == "debian"' | sort -V | head -n 1)
check "the oldest build has series" grep -qF "kernel=\"$oldest\"" "$T/after"
lkctl kernel remove "$(lkctl -o json kernel list | jq -r "select(.release == \"$oldest\") | .id")" >/dev/null
scrape "$T/removed"
check "the oldest build has no series after its removal" same "$(grep -cF "kernel=\"$oldest\"" "$T/removed")" 0
check "other builds still have series" grep -qF "kernel=\"$newest\"" "$T/removed"
check "nothing is left behind" nothing_left
