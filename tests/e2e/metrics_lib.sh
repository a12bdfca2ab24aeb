# Sourced by mutants.sh: checks the counters and latencies of the run in $T/run.json. The guest_... counters, which
# lk-agent's supervisor reads, are the increases of the kernel's own statistics while the trigger was running.

# counters FILTER checks an object that maps counter names to values.
counters() {
  jq '[.counters[] | {key: .name, value: (.value // 0)}] | from_entries' "$T/run.json" >"$T/counters.json"
  json "$T/counters.json" "$1"
}
# latency PROBE FILTER checks the probe's latencies; the variable $c contains the counters.
latency() {
  json "$T/run.json" "([.counters[] | {key: .name, value: (.value // 0)}] | from_entries) as \$c | [.latencies[] | select(.probe == \"$1\")][0] | $2"
}
