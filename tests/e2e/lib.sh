# Sourced by the end-to-end tests. Each test gets its own lkd in its own directory, and everything is stopped and
# removed when the test exits, even if it fails. Users other than root also get a separate libvirt session. The tests
# use only lkctl and lkd's listening sockets.
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

# keep_logs DIRECTORY saves the logs that explain a failure.
keep_logs() {
  local file
  mkdir -p "$1"
  [ -z "$lkd_pid" ] || timeout 20 lkctl -o json run list >"$1/runs.json" 2>/dev/null
  cp "$T"/*.json "$T"/lkd*.log "$1" 2>/dev/null
  for file in "$T"/s/lk/runs/*/console*; do
    [ ! -f "$file" ] || cp "$file" "$1/$(basename "$(dirname "$file")").$(basename "$file")"
  done
  # QEMU's output, which libvirt keeps. Since VM tests run one at a time, new logs belong to this test.
  find /var/log/libvirt/qemu "$T/h/libvirt/qemu/log" -name 'lk-*.log' -newer "$T/begun" -exec cp -t "$1" {} + 2>/dev/null
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# These directories have short names because the length of Unix socket paths is limited.
mkdir -p "$T"/{r,c,h,s}
touch "$T/begun"
chmod 700 "$T/r"
# QEMU may run as a different user than lkd.
chmod 711 "$T"
export XDG_RUNTIME_DIR=$T/r XDG_CONFIG_HOME=$T/c XDG_CACHE_HOME=$T/h XDG_STATE_HOME=$T/s
export LK_SERVER=unix:$T/lkd.sock NO_COLOR=1
libvirt_up

# free_ports N prints unused loopback ports below the kernel's ephemeral range.
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

# configure [LINE...] writes lkd's configuration, with additional top-level lines after the usual ones.
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

# Starts lkd and returns once it reports that it is ready.
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

# check TEXT COMMAND... runs a check and prints its result.
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
# same A B checks that two strings are equal.
same() { [ "$1" = "$2" ] || { echo "  got \"$1\", expected \"$2\""; return 1; }; }
# json FILE FILTER checks that the jq filter is true for the file, which must not be empty.
json() { jq -es "if length == 0 then false else .[0] | ($2) end" "$1" >/dev/null || { echo "  $2 does not hold in: $(head -c 2000 "$1")"; return 1; }; }

# Kernels are kept across tests, in the cache of the user who started the test.
fetch() { XDG_CACHE_HOME=$kernel_cache "$top/deploy/kernels/fetch" "$@"; }
lab() { XDG_CACHE_HOME=$kernel_cache "$top/deploy/kernels/lab" "$@"; }

# kernel VERSION prints the path of the newest package of that version, or of the lab kernel. tests/run has already
# fetched the packages and passes their paths, so that no test waits for the archive.
kernel() {
  case $1 in
    6.1) echo "${LK_TEST_KERNEL_6_1:-$(fetch bookworm 'linux-image-6.1.0-*-cloud-amd64')}" ;;
    6.12) echo "${LK_TEST_KERNEL_6_12:-$(fetch bookworm-backports 'linux-image-6.12*-cloud-amd64')}" ;;
    lab) lab ;;
  esac
}

. "$top/tests/e2e/scenarios_lib.sh"

# campaign SCENARIO-YAML [SPEC-LINE...] prints a campaign file with one small profile and $cmdline.
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

# ready KERNEL... starts lkd and adds this machine as a host and the given kernels.
ready() {
  local version
  start_lkd
  lkctl host add "$libvirt_uri" >/dev/null
  for version in "$@"; do lkctl kernel add "$(kernel "$version")" >/dev/null; done
}

# [cmdline=...] drill PARAMS [DURATION] runs a campaign with one fire drill and waits for it. Sets $status to
# lkctl's exit status, and writes the campaign to $T/result.json and its only run (there are no retries) to $T/run.json.
drill() {
  status=0
  campaign "{ name: fire_drill, duration: ${2:-5min}, params: { $1 } }" 'retries: { error: 0, fail: 0 }' |
    timeout 600 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
  [ $status != 124 ] || echo "  the drill did not finish within 600 s"
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
}
# drill_begun PARAMS [DURATION] starts the same campaign, but waits only until the run is running. Sets $id.
drill_begun() {
  id=$(campaign "{ name: fire_drill, duration: ${2:-5min}, params: { $1 } }" 'retries: { error: 0, fail: 0 }' | lkctl -o json campaign start - | jq -r .id)
  check "the run starts" wait_for 300 run_state "$id" running
}
# drill_over waits until that campaign is finished, and writes the same files as drill.
drill_over() {
  await_end "$id"
  lkctl -o json campaign show "$id" >"$T/result.json"
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
}
# await_end CAMPAIGN waits until the campaign is finished, whatever its result.
await_end() {
  local status=0
  timeout 600 lkctl campaign watch "$1" >/dev/null || status=$?
  [ $status != 124 ] || echo "  campaign $1 did not finish within 600 s"
}
# ended REGEX checks the reason why lkd ended the run ("done" if the trigger finished), which is in the run's journal.
ended() { json "$T/run.json" "[.journal[] | test(\"s finishing: ($1)(:|$)\")] | any"; }
# findings FILTER checks the findings that count against the kernel.
findings() {
  local held='[.findings[] | select(.tolerated | not) | select(.distrust == null or .distrust == "")]'
  json "$T/run.json" "$held | $1" >/dev/null && return
  echo "  $1 does not hold for: $(jq -c "$held | map({kind, title, altTitles, witnesses, functions: [.frames[].function]})" "$T/run.json")"
  return 1
}

# wait_for SECONDS COMMAND... polls until COMMAND succeeds. Use it only for states that have no event to wait for.
wait_for() {
  local seconds=$1 end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "  timeout after $seconds s: $*"; return 1; }
    read -rt 0.2 <> <(:) || true
  done
}
run_state() { lkctl -o json run list --campaign "$1" | jq -r .state | grep -qx "$2"; }

# Prints the VMs of this test's lkd. Their XML names lkd's state directory as the owner.
domains() {
  local domain
  for domain in $(timeout 60 virsh -q -c "$libvirt_uri" list --all --name 2>/dev/null); do
    # A here-string, because grep -q exits early and would break a pipe.
    if grep -qF "$T/s/lk" <<<"$(virsh -q -c "$libvirt_uri" dumpxml "$domain" 2>/dev/null)"; then echo "$domain"; fi
  done
}
# Prints the PID of the only VM's QEMU.
qemu_pid() { pgrep -f "guest=$(domains | head -n 1),"; }

# Prints VMs, files and QEMU processes that a campaign must not leave behind.
leftovers() {
  domains
  find "$T"/s/lk/{runs,spool} -type f ! -name console.log 2>/dev/null || true
  pgrep -f "qemu.*$T" || true
}
# lkd cleans up after it has reported the verdict.
nothing_left() { wait_for 60 none_left || { echo "  left behind: $(leftovers | tr '\n' ' ')"; return 1; }; }
none_left() { [ -z "$(leftovers)" ]; }
