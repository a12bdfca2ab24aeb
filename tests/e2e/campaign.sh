#!/usr/bin/env bash
# Runs two scenarios on two kernel builds with two repeats, using only lkctl, then checks the JSON output, the reports,
# the metrics and what is left behind.
. "$(dirname "$0")/lib.sh"
start_lkd

check "a host can be added" lkctl host add "$libvirt_uri"
lkctl -o json host show "$libvirt_uri" >"$T/host.json"
check "the host reports its accelerator and the reason for it" json "$T/host.json" '.accelerator != "" and .acceleratorReason != "" and .state == "up"'
check "adding a host twice is refused with exit status 2" same "$(lkctl host add "$libvirt_uri" >/dev/null 2>&1; echo $?)" 2

for version in 6.1 6.12; do
  check "kernel $version can be added" lkctl kernel add "$(kernel $version)" --label suite=test
done
lkctl -o json kernel add "$(kernel 6.1)" >"$T/again.json" 2>/dev/null
check "adding the same package again does not create a second build" same "$(lkctl -o json kernel list | wc -l)" 2
release=$(lkctl -o json kernel list | jq -r .release | tail -n 1)
lkctl -o json kernel show "$release" >"$T/kernel.json"
check "config symbols and modules have been read" json "$T/kernel.json" '.config.VIRTIO_NET != null and (.guestModules | length) > 0 and .arch == "x86_64"'

cat >"$T/campaign.yaml" <<YAML
apiVersion: lk/v1
kind: Campaign
metadata: { name: e2e, labels: { tree: stable } }
spec:
  kernels: [ { match: "6.1.*" }, { label: suite=test } ]
  profiles:
    - { name: hotplug, vcpus: 2, memory: 1GiB, memoryHotplug: { model: dimm, slots: 8, max: 4GiB } }
  scenarios:
    - { name: baseline, duration: 5s }
    - { name: crash_hotplug, duration: 10s }
  repeats: 2
YAML
lkctl campaign validate "$T/campaign.yaml" >"$T/validate"
check "validate prints the number of runs" grep -q 8 "$T/validate"

status=0
lkctl -o json campaign start --wait "$T/campaign.yaml" >"$T/result.json" 2>"$T/progress" || status=$?
check "exit status 0: all runs passed" same $status 0
check "the output is one JSON document" same "$(jq -s length "$T/result.json")" 1
check "the campaign has the documented fields" json "$T/result.json" 'has("id") and .state == "finished" and .verdict == "pass" and .counts.pass == 8 and .counts.total == 8'
check "every run has the documented fields" json "$T/result.json" '[.runs[] | has("id") and has("kernel") and has("profile") and has("scenario") and has("verdict") and has("reason") and (.emulated == false) and (.findings == [])] | all and length == 8'
check "both canaries arrived in each run" json "$T/result.json" '[.runs[] | .canaryConsole and .canaryKmsg] | all'
check "each run counted operations and measured latencies" json "$T/result.json" '[.runs[] | (.latencies | length) > 0 and .operations > 0] | all'
check "memory blocks were onlined" json "$T/result.json" '[.runs[] | select(.scenario == "crash_hotplug") | .counters[] | select(.name == "blocks_onlined") | .value > 0] | all and length == 4'
check "6.1 lacks CONFIG_CRASH_HOTPLUG: the part that needs it is skipped, with the reason" json "$T/result.json" '[.runs[] | select(.scenario == "crash_hotplug" and (.kernel | startswith("6.1."))) | .skippedParts | length > 0] | all and length == 2'
check "progress is printed on standard error" test -s "$T/progress"

id=$(jq -r .id "$T/result.json")
lkctl campaign show "$id" >"$T/table"
cat "$T/table"
check "the table has the scenarios" grep -q crash_hotplug "$T/table"
check "no escape sequences are printed to a pipe" same "$(grep -c $'\033' "$T/table")" 0
run=$(jq -r '.runs[0].id' "$T/result.json")
lkctl run logs "$run" >"$T/console"
check "the console log is complete from the first line" grep -q 'Linux version' "$T/console"
check "watching a finished campaign replays its events and exits" timeout 120 bash -c "lkctl -o json campaign watch $id >$T/watch"
check "events are numbered from 1" same "$(jq -s '[.[].sequence] == [range(1; length + 1)]' "$T/watch")" true

check "each run records its provenance" json "$T/result.json" '[.runs[] | .seed > 0 and (.cmdline | length) > 0 and (.provenance | (.imageSha256 | length) == 64 and (.configSha256 | length) == 64 and .hostKernel != "" and (.hypervisor | startswith("QEMU")) and .libvirt != "" and .hostUri != "" and (.kernelSource | endswith(".deb")))] | all and length == 8'
for format in html junit ktap kcidb json; do
  check "a report in format $format can be written" lkctl campaign report "${id:0:10}" --format $format -o "$T/report.$format"
done
check "the junit report is XML and has every run" same "$(xmllint --xpath 'count(//testcase)' "$T/report.junit")" 8
check "the ktap report has one top-level test for each kernel" same "$(grep -c '^ok ' "$T/report.ktap")" 2
check "the kcidb report has both builds" json "$T/report.kcidb" '(.builds | length) == 2 and ([.tests[] | select(.status == "PASS")] | length) == 8'
check "the json report has the campaign" json "$T/report.json" ".campaign.id == \"$id\" and (.kernels | length) == 2 and (.hosts | length) == 1"
curl -sf "http://$http/reports/campaigns/$id" >"$T/served.html"
# Both pages contain the time at which they were written.
check "lkd serves the same HTML report as lkctl writes" same "$(sed 's/Written by.*//' "$T/served.html" | md5sum)" "$(sed 's/Written by.*//' "$T/report.html" | md5sum)"
check "the HTML report has an anchor for a run" grep -q "id=\"run-$run\"" "$T/served.html"

status=0
lkctl -o json kernel compare "$(jq -r '.runs[0].kernelId' "$T/result.json")" "$(jq -r '.runs[-1].kernelId' "$T/result.json")" >"$T/compare.json" || status=$?
check "compare reports that two runs per kernel and scenario are too few" json "$T/compare.json" '.a.counted == 4 and .b.counted == 4 and .worse == 0 and ([.rows[] | select(.measure == "pass_rate") | .lacks | test("more repeats would be enough to decide")] | all and length == 2)'
check "too few runs are not a regression: exit status 0" same $status 0
check "comparing an unknown kernel fails with exit status 2" same "$(lkctl kernel compare nothing k >/dev/null 2>&1; echo $?)" 2

check "/metrics passes promtool" bash -c "curl -sf $metrics/metrics | promtool check metrics"
check "/healthz returns success" curl -sf "http://$http/healthz" -o /dev/null
check "/readyz returns success" curl -sf "http://$http/readyz" -o /dev/null

cat >"$T/prometheus.yml" <<YAML
global: { scrape_interval: 1s }
scrape_configs: [ { job_name: lk, static_configs: [ { targets: [ "$metrics" ] } ] } ]
YAML
prometheus=127.0.0.1:$(free_ports 1)
prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" --web.listen-address="$prometheus" >"$T/prometheus.log" 2>&1 &
prometheus_pid=$!
promql() { curl -sf --data-urlencode "query=$1" "http://$prometheus/api/v1/query" | jq -e ".data.result[0].value[1] | tonumber" 2>/dev/null; }
check "lk_runs_total can be queried with PromQL" wait_for 120 promql 'sum(lk_runs_total{verdict="pass"}) == 8'
check "lk_latency_seconds can be queried with PromQL" promql 'histogram_quantile(0.99, sum by (le) (lk_latency_seconds_bucket{scenario="baseline"})) > 0'

check "nothing is left behind" nothing_left
stop_lkd
start_lkd
check "counters survive a restart" bash -c "curl -sf $metrics/metrics | grep -E '^lk_runs_total.*verdict=\"pass\".* 2$'"
stop_lkd
check "no socket is left behind" test ! -e "$T/lkd.sock"
