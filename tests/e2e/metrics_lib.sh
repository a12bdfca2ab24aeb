# Sourced by metrics_*.sh: one run on the lab kernel, and checks on its counters and latencies. Those named guest_... are
# what the kernel's own statistics rose by while the trigger ran, read by lk-agent's supervisor.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# measured SCENARIO-YAML PROFILE: the run is in $T/run.json.
measured() {
  ready lab
  timeout 500 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null <<YAML || true
apiVersion: lk/v1
kind: Campaign
metadata: { name: metrics }
spec:
  kernels: [ { match: "*" } ]
  profiles: [ $2 ]
  scenarios: [ { $1 } ]
  retries: { error: 0, fail: 0 }
YAML
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
  jq -r '"\(.verdict): \(.reason)", (.counters[] | "  \(.name) \(.value)"), (.latencies[] | "  \(.probe) \(.count)"), .skippedParts[]' "$T/run.json"
}
# counters FILTER: over {"name": value}.
counters() {
  jq '[.counters[] | {key: .name, value: (.value // 0)}] | from_entries' "$T/run.json" >"$T/counters.json"
  json "$T/counters.json" "$1"
}
# latency PROBE FILTER: over what the probe measured; the counters are $c.
latency() {
  json "$T/run.json" "([.counters[] | {key: .name, value: (.value // 0)}] | from_entries) as \$c | [.latencies[] | select(.probe == \"$1\")][0] | $2"
}
