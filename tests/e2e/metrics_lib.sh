# Sourced by mutants.sh: checks on the counters and latencies of one run, which is in $T/run.json. Counters named guest_... are
# what the kernel's own statistics rose by while the trigger ran, read by lk-agent's supervisor.

# counters FILTER: over {"name": value}.
counters() {
  jq '[.counters[] | {key: .name, value: (.value // 0)}] | from_entries' "$T/run.json" >"$T/counters.json"
  json "$T/counters.json" "$1"
}
# latency PROBE FILTER: over what the probe measured; the counters are $c.
latency() {
  json "$T/run.json" "([.counters[] | {key: .name, value: (.value // 0)}] | from_entries) as \$c | [.latencies[] | select(.probe == \"$1\")][0] | $2"
}
