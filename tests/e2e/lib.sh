# Sourced by the end-to-end tests: an lkd of their own in a folder of their own, and everything ended and removed
# however the test ends. Users other than root also get a libvirt session of their own. Only lkctl and what lkd listens on are used.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${LK_BIN:-$top/build/bin}
PATH=$bin:$PATH
. "$top/deploy/libvirt-daemons"

T=$(mktemp -d "${TMPDIR:-/tmp}/lk-e2e.XXXXXX")
kernel_cache=${XDG_CACHE_HOME:-$HOME/.cache}
lkd_pid=
prometheus_pid=
failures=0

finish() {
  local status=$?
  trap - EXIT INT TERM
  set +e
  [ -z "$prometheus_pid" ] || { kill "$prometheus_pid"; wait "$prometheus_pid"; } 2>/dev/null
  [ -z "${peer_pid:-}" ] || { kill "$peer_pid"; wait "$peer_pid"; } 2>/dev/null
  if [ -n "${LK_KEEP_LOGS:-}" ] && { [ $status != 0 ] || [ $failures != 0 ]; }; then keep_logs "$LK_KEEP_LOGS"; fi
  stop_lkd
  for domain in $(domains); do timeout 20 virsh -q -c "$libvirt_uri" destroy "$domain" >/dev/null 2>&1; done
  libvirt_down
  if [ $status != 0 ] || [ $failures != 0 ]; then
    echo "--- lkd's log"
    tail -n 60 "$T"/lkd.*.log 2>/dev/null
  fi
  if [ -n "${LK_KEEP:-}" ]; then echo "kept: $T"; else rm -rf "$T"; fi
  [ $failures = 0 ] || { echo "$failures checks failed"; status=1; }
  exit $status
}

# keep_logs FOLDER: what tells why a test failed.
keep_logs() {
  local file
  mkdir -p "$1"
  [ -z "$lkd_pid" ] || timeout 20 lkctl -o json run list >"$1/runs.json" 2>/dev/null
  cp "$T"/*.json "$T"/lkd*.log "$1" 2>/dev/null
  for file in "$T"/s/lk/runs/*/console*; do
    [ ! -f "$file" ] || cp "$file" "$1/$(basename "$(dirname "$file")").$(basename "$file")"
  done
  # QEMU's own words, which libvirt has; VM tests run one at a time.
  find /var/log/libvirt/qemu "$T/h/libvirt/qemu/log" -name 'lk-*.log' -newer "$T/begun" -exec cp -t "$1" {} + 2>/dev/null
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Unix socket paths are short, so are these names.
mkdir -p "$T"/{r,c,h,s}
touch "$T/begun"
chmod 700 "$T/r"
# QEMU may run as another user than lkd.
chmod 711 "$T"
export XDG_RUNTIME_DIR=$T/r XDG_CONFIG_HOME=$T/c XDG_CACHE_HOME=$T/h XDG_STATE_HOME=$T/s
export LK_SERVER=unix:$T/lkd.sock NO_COLOR=1
libvirt_up

# free_ports N: ports of the loopback on which nobody listens, below those that the kernel gives to whoever asks for any.
free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
servers = []
while len(servers) < int(sys.argv[1]):
    try:
        servers.append(socket.create_server(("127.0.0.1", random.randrange(10000, 30000))))
    except OSError:
        pass
print(*(server.getsockname()[1] for server in servers))
PY
}
read -r agent_port http_port metrics_port < <(free_ports 3)
http=127.0.0.1:$http_port
metrics=127.0.0.1:$metrics_port

# configure [LINE...]: lkd's configuration; further top-level lines after the usual ones.
configure() {
  cat >"$T/lkd.yaml" <<YAML
stateDirectory: $T/s/lk
operator: { socket: $T/lkd.sock }
agent: { listen: "127.0.0.1:$agent_port" }
http: { listen: "$http" }
metrics: { listen: "$metrics" }
YAML
  [ $# -eq 0 ] || printf '%s\n' "$@" >>"$T/lkd.yaml"
}

# Starts lkd and returns when it says that it is ready.
start_lkd() {
  [ -f "$T/lkd.yaml" ] || configure
  starts=$((${starts:-0} + 1))
  local log=$T/lkd.$starts.log
  : >"$log"
  lkd --config "$T/lkd.yaml" >>"$log" 2>&1 &
  lkd_pid=$!
  timeout 120 bash -c "until grep -q 'is ready' '$log'; do kill -0 $lkd_pid || exit 1; inotifywait -qq -t 1 -e modify '$log' || true; done" ||
    { echo "lkd did not start"; exit 1; }
}

stop_lkd() {
  [ -n "$lkd_pid" ] || return 0
  kill "$lkd_pid" 2>/dev/null
  timeout 120 tail --pid="$lkd_pid" -s 0.1 -f /dev/null || { echo "lkd did not stop within 120 s of SIGTERM"; kill -9 "$lkd_pid"; }
  wait "$lkd_pid" 2>/dev/null
  lkd_pid=
}

# check TEXT COMMAND...: one line of the test's result.
check() {
  local text=$1
  shift
  if "$@"; then
    echo "ok - $text"
  else
    echo "not ok - $text"
    failures=$((failures + 1))
  fi
}
# same A B
same() { [ "$1" = "$2" ] || { echo "  got \"$1\", want \"$2\""; return 1; }; }
# json FILE FILTER: jq's truth; of nothing, nothing is true.
json() { jq -es "if length == 0 then false else .[0] | ($2) end" "$1" >/dev/null || { echo "  $2 does not hold in: $(head -c 2000 "$1")"; return 1; }; }

# Kernels are kept across tests, in the cache that the test was started with.
fetch() { XDG_CACHE_HOME=$kernel_cache "$top/deploy/kernels/fetch" "$@"; }
lab() { XDG_CACHE_HOME=$kernel_cache "$top/deploy/kernels/lab" "$@"; }

# The newest package of a suite; tests/run has fetched both and names them, so that no test waits for the archive.
kernel() {
  case $1 in
    6.1) echo "${LK_TEST_KERNEL_6_1:-$(fetch bookworm 'linux-image-6.1.0-*-cloud-amd64')}" ;;
    6.12) echo "${LK_TEST_KERNEL_6_12:-$(fetch bookworm-backports 'linux-image-6.12*-cloud-amd64')}" ;;
    lab) lab ;;
  esac
}

. "$top/tests/e2e/scenarios_lib.sh"

# campaign SCENARIO-YAML [SPEC-LINE...]: a campaign file on standard output; one small profile, with $cmdline.
campaign() {
  cat <<YAML
apiVersion: lk/v1
kind: Campaign
metadata: { name: test }
spec:
  kernels: [ { match: "*" } ]
  profiles:
    - { name: small, vcpus: 2, memory: 768MiB, cmdline: "${cmdline:-}" }
  scenarios: [ $1 ]
YAML
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@"
}

# ready KERNEL...: lkd with this machine as its host, and these kernels.
ready() {
  local version
  start_lkd
  lkctl host add "$libvirt_uri" >/dev/null
  for version in "$@"; do lkctl kernel add "$(kernel "$version")" >/dev/null; done
}

# [cmdline=...] drill PARAMS [DURATION]: a campaign of one fire drill, waited for. Sets $status, its exit code; the campaign is in
# $T/result.json, its one run (without retries) in $T/run.json.
drill() {
  status=0
  campaign "{ name: fire_drill, duration: ${2:-5min}, params: { $1 } }" 'retries: { error: 0, fail: 0 }' |
    timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
  [ $status != 124 ] || echo "  the drill has not ended within 600 s"
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
}
# drill_begun PARAMS [DURATION]: the same, not waited for; returns when the run is running. Sets $id.
drill_begun() {
  id=$(campaign "{ name: fire_drill, duration: ${2:-5min}, params: { $1 } }" 'retries: { error: 0, fail: 0 }' | lkctl -o json campaign start - | jq -r .id)
  check "it runs" wait_for 300 run_state "$id" running
}
# drill_over: waits for that one.
drill_over() {
  await_end "$id"
  lkctl -o json campaign show "$id" >"$T/result.json"
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
}
# await_end CAMPAIGN: waits until it has ended, however.
await_end() {
  local status=0
  timeout 600 lkctl campaign watch "$1" >/dev/null || status=$?
  [ $status != 124 ] || echo "  campaign $1 has not ended within 600 s"
}
# ended REGEX: why lkd ended the run, as its journal tells; a run that its trigger ends is "done".
ended() { json "$T/run.json" "[.journal[] | test(\"s finishing: ($1)(:|$)\")] | any"; }
# findings FILTER: over the findings that are held against the kernel.
findings() {
  local held='[.findings[] | select(.tolerated | not) | select(.distrust == null or .distrust == "")]'
  json "$T/run.json" "$held | $1" >/dev/null && return
  echo "  $1 does not hold for: $(jq -c "$held | map({kind, title, altTitles, witnesses, functions: [.frames[].function]})" "$T/run.json")"
  return 1
}

# wait_for SECONDS COMMAND...: until it succeeds; for states that only a look can tell.
wait_for() {
  local seconds=$1 end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "  not within $seconds s: $*"; return 1; }
    read -rt 0.2 <> <(:) || true
  done
}
run_state() { lkctl -o json run list --campaign "$1" | jq -r .state | grep -qx "$2"; }

# VMs of this test's lkd: their owner is its state directory.
domains() {
  local domain
  for domain in $(timeout 60 virsh -q -c "$libvirt_uri" list --all --name 2>/dev/null); do
    # From a here-string, for a grep that has seen enough must not break a pipe.
    if grep -qF "$T/s/lk" <<<"$(virsh -q -c "$libvirt_uri" dumpxml "$domain" 2>/dev/null)"; then echo "$domain"; fi
  done
}
# The one VM's QEMU.
qemu_pid() { pgrep -f "guest=$(domains | head -n 1),"; }

# What a campaign must not leave behind: VMs, files, QEMUs.
leftovers() {
  domains
  find "$T"/s/lk/{runs,spool} -type f ! -name console.log 2>/dev/null || true
  pgrep -f "qemu.*$T" || true
}
# lkd tidies up after it has told the verdict.
nothing_left() { wait_for 60 none_left || { echo "  left: $(leftovers | tr '\n' ' ')"; return 1; }; }
none_left() { [ -z "$(leftovers)" ]; }
