#!/usr/bin/env bash
# Two scenarios on two kernel builds with two repeats, through lkctl alone; then what JSON, Prometheus and the machine say.
. "$(dirname "$0")/lib.sh"
start_lkd

check "host add" lkctl host add "$libvirt_uri"
lkctl -o json host show "$libvirt_uri" >"$T/host.json"
check "the host names its accelerator and why" json "$T/host.json" '.accelerator != "" and .acceleratorReason != "" and .state == "up"'
check "a host twice is refused with exit 2" same "$(lkctl host add "$libvirt_uri" >/dev/null 2>&1; echo $?)" 2

for version in 6.1 6.12; do
  check "kernel add $version" lkctl kernel add "$(kernel $version)" --label suite=test
done
lkctl -o json kernel add "$(kernel 6.1)" >"$T/again.json" 2>/dev/null
check "the same content again is the same build" same "$(lkctl -o json kernel list | wc -l)" 2
release=$(lkctl -o json kernel list | jq -r .release | tail -n 1)
lkctl -o json kernel show "$release" >"$T/kernel.json"
check "config symbols and modules were read" json "$T/kernel.json" '.config.VIRTIO_NET != null and (.guestModules | length) > 0 and .arch == "x86_64"'

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
check "validate counts the runs" grep -q 8 "$T/validate"

status=0
lkctl -o json campaign start --wait "$T/campaign.yaml" >"$T/result.json" 2>"$T/progress" || status=$?
check "exit 0: all passed" same $status 0
check "one JSON document" same "$(jq -s length "$T/result.json")" 1
check "contract's fields" json "$T/result.json" 'has("id") and .state == "finished" and .verdict == "pass" and .counts.pass == 8 and .counts.total == 8'
check "contract's fields of runs" json "$T/result.json" '[.runs[] | has("id") and has("kernel") and has("profile") and has("scenario") and has("verdict") and has("reason") and (.emulated == false) and (.findings == [])] | all and length == 8'
check "detectors proved alive in each run" json "$T/result.json" '[.runs[] | .canaryConsole and .canaryKmsg] | all'
check "each run measured latencies and did work" json "$T/result.json" '[.runs[] | (.latencies | length) > 0 and .operations > 0] | all'
check "blocks arrived" json "$T/result.json" '[.runs[] | select(.scenario == "crash_hotplug") | .counters[] | select(.name == "blocks_onlined") | .value > 0] | all and length == 4'
check "6.1 has no CONFIG_CRASH_HOTPLUG: that part is skipped with the reason" json "$T/result.json" '[.runs[] | select(.scenario == "crash_hotplug" and (.kernel | startswith("6.1."))) | .skippedParts | length > 0] | all and length == 2'
check "progress went to standard error" test -s "$T/progress"

id=$(jq -r .id "$T/result.json")
lkctl campaign show "$id" >"$T/table"
cat "$T/table"
check "the table has kernels and scenarios" grep -q crash_hotplug "$T/table"
check "no escape sequences in a pipe" same "$(grep -c $'\033' "$T/table")" 0
run=$(jq -r '.runs[0].id' "$T/result.json")
lkctl run logs "$run" >"$T/console"
check "the console is there from the first line" grep -q 'Linux version' "$T/console"
check "watching a finished campaign replays and ends" timeout 120 bash -c "lkctl -o json campaign watch $id >$T/watch"
check "events are numbered from 1" same "$(jq -s '[.[].sequence] == [range(1; length + 1)]' "$T/watch")" true

check "each run says where it comes from" json "$T/result.json" '[.runs[] | .seed > 0 and (.cmdline | length) > 0 and (.provenance | (.imageSha256 | length) == 64 and (.configSha256 | length) == 64 and .hostKernel != "" and (.hypervisor | startswith("QEMU")) and .libvirt != "" and .hostUri != "" and (.kernelSource | endswith(".deb")))] | all and length == 8'
for format in html junit ktap kcidb json; do
  check "report in $format" lkctl campaign report "${id:0:10}" --format $format -o "$T/report.$format"
done
check "junit is XML with every run" same "$(xmllint --xpath 'count(//testcase)' "$T/report.junit")" 8
check "ktap has a level for each kernel" same "$(grep -c '^ok ' "$T/report.ktap")" 2
check "kcidb names both builds" json "$T/report.kcidb" '(.builds | length) == 2 and ([.tests[] | select(.status == "PASS")] | length) == 8'
check "json is the campaign" json "$T/report.json" ".campaign.id == \"$id\" and (.kernels | length) == 2 and (.hosts | length) == 1"
curl -sf "http://$http/reports/campaigns/$id" >"$T/served.html"
# Both say when they were written.
check "lkd serves the same page" same "$(sed 's/Written by.*//' "$T/served.html" | md5sum)" "$(sed 's/Written by.*//' "$T/report.html" | md5sum)"
check "with a place for each run" grep -q "id=\"run-$run\"" "$T/served.html"

status=0
lkctl -o json kernel compare "$(jq -r '.runs[0].kernelId' "$T/result.json")" "$(jq -r '.runs[-1].kernelId' "$T/result.json")" >"$T/compare.json" || status=$?
check "two runs each tell little of two kernels, and it says so" json "$T/compare.json" '.a.counted == 4 and .b.counted == 4 and .worse == 0 and ([.rows[] | select(.measure == "pass_rate") | .lacks | test("more repeats would decide")] | all and length == 2)'
check "and that is no regression" same $status 0
check "a kernel without runs is told, with exit 2" same "$(lkctl kernel compare nothing k >/dev/null 2>&1; echo $?)" 2

check "/metrics is clean" bash -c "curl -sf $metrics/metrics | promtool check metrics"
check "healthz" curl -sf "http://$http/healthz" -o /dev/null
check "readyz" curl -sf "http://$http/readyz" -o /dev/null

cat >"$T/prometheus.yml" <<YAML
global: { scrape_interval: 1s }
scrape_configs: [ { job_name: lk, static_configs: [ { targets: [ "$metrics" ] } ] } ]
YAML
prometheus=127.0.0.1:$(free_ports 1)
prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" --web.listen-address="$prometheus" >"$T/prometheus.log" 2>&1 &
prometheus_pid=$!
promql() { curl -sf --data-urlencode "query=$1" "http://$prometheus/api/v1/query" | jq -e ".data.result[0].value[1] | tonumber" 2>/dev/null; }
check "lk_runs_total answers PromQL" wait_for 120 promql 'sum(lk_runs_total{verdict="pass"}) == 8'
check "lk_latency_seconds answers PromQL" promql 'histogram_quantile(0.99, sum by (le) (lk_latency_seconds_bucket{scenario="baseline"})) > 0'

check "nothing is left" nothing_left
stop_lkd
start_lkd
check "counters survive a restart" bash -c "curl -sf $metrics/metrics | grep -E '^lk_runs_total.*verdict=\"pass\".* 2$'"
stop_lkd
check "no socket is left" test ! -e "$T/lkd.sock"
