# Sourced by the end-to-end tests: an lkd of their own in a folder of their own, and everything ended and removed
# however the test ends. Users other than root also get a libvirt session of their own. Only lkctl and what lkd listens on are used.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${LK_BIN:-$top/build/bin}
PATH=$bin:$PATH
. "$top/deploy/libvirt-daemons"

T=$(mktemp -d "${TMPDIR:-/tmp}/lk-e2e.XXXXXX")
lkd_pid=
prometheus_pid=
failures=0

finish() {
  local status=$?
  trap - EXIT INT TERM
  set +e
  [ -z "$prometheus_pid" ] || { kill "$prometheus_pid"; wait "$prometheus_pid"; } 2>/dev/null
  [ -z "${peer_pid:-}" ] || { kill "$peer_pid"; wait "$peer_pid"; } 2>/dev/null
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
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Unix socket paths are short, so are these names.
mkdir -p "$T"/{r,c,h,s}
chmod 700 "$T/r"
# QEMU may run as another user than lkd.
chmod 711 "$T"
export XDG_RUNTIME_DIR=$T/r XDG_CONFIG_HOME=$T/c XDG_CACHE_HOME=$T/h XDG_STATE_HOME=$T/s
export LK_SERVER=unix:$T/lkd.sock NO_COLOR=1
libvirt_up
metrics=127.0.0.1:19464
http=127.0.0.1:17642

# configure [LINE...]: lkd's configuration; further top-level lines after the usual ones.
configure() {
  cat >"$T/lkd.yaml" <<YAML
stateDirectory: $T/s/lk
operator: { socket: $T/lkd.sock }
agent: { listen: "127.0.0.1:17641" }
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
  timeout 30 bash -c "until grep -q 'is ready' '$log'; do kill -0 $lkd_pid || exit 1; inotifywait -qq -t 1 -e modify '$log' || true; done" ||
    { echo "lkd did not start"; exit 1; }
}

stop_lkd() {
  [ -n "$lkd_pid" ] || return 0
  kill "$lkd_pid" 2>/dev/null
  timeout 30 tail --pid="$lkd_pid" -f /dev/null
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

# The newest package of a suite's pattern, as tests/run has fetched it.
kernel() {
  case $1 in
    6.1) echo "${LK_TEST_KERNEL_6_1:?set by tests/run}" ;;
    6.12) echo "${LK_TEST_KERNEL_6_12:?set by tests/run}" ;;
    lab) echo "${LK_TEST_KERNEL_LAB:?set by tests/run}" ;;
  esac
}

# The lab kernel with one scenario's problem put back.
mutant() {
  local variable=LK_TEST_MUTANT_$1
  echo "${!variable:?set by tests/run}"
}

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
    timeout 400 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
}
# drill_begun PARAMS [DURATION]: the same, not waited for; returns when the run is running. Sets $id.
drill_begun() {
  id=$(campaign "{ name: fire_drill, duration: ${2:-5min}, params: { $1 } }" 'retries: { error: 0, fail: 0 }' | lkctl -o json campaign start - | jq -r .id)
  check "it runs" wait_for 90 run_state "$id" running
}
# drill_over: waits for that one.
drill_over() {
  timeout 400 lkctl campaign watch "$id" >/dev/null || true
  lkctl -o json campaign show "$id" >"$T/result.json"
  jq '.runs[0]' "$T/result.json" >"$T/run.json"
}
# within SECONDS: the run took no longer from the lease to its end.
within() { json "$T/run.json" "[.phases[] | select(.phase != \"image\" and .phase != \"define\" and .phase != \"boot\") | .seconds] | add < $1"; }
# findings FILTER: over the findings that are held against the kernel.
findings() {
  local held='[.findings[] | select(.tolerated | not) | select(.distrust == null or .distrust == "")]'
  json "$T/run.json" "$held | $1" >/dev/null && return
  echo "  $1 does not hold for: $(jq -c "$held | map({kind, title, altTitles, witnesses, functions: [.frames[].function]})" "$T/run.json")"
  return 1
}

# wait_for SECONDS COMMAND...: until it succeeds; for states that only a look can tell.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    read -rt 0.2 <> <(:) || true
  done
}
run_state() { lkctl -o json run list --campaign "$1" | jq -r .state | grep -qx "$2"; }

# VMs of this test's lkd: their owner is its state directory.
domains() {
  local domain
  for domain in $(timeout 20 virsh -q -c "$libvirt_uri" list --all --name 2>/dev/null); do
    if virsh -q -c "$libvirt_uri" dumpxml "$domain" 2>/dev/null | grep -qF "$T/s/lk"; then echo "$domain"; fi
  done
}
# The one VM's QEMU.
qemu_pid() { pgrep -f "guest=$(domains | head -n 1),"; }

# What a campaign must not leave behind.
nothing_left() {
  same "$(domains)" "" &&
    same "$(find "$T/s/lk/runs" -type f ! -name console.log | tr '\n' ' ')" "" &&
    same "$(find "$T/s/lk/spool" -type f 2>/dev/null | tr '\n' ' ')" "" &&
    same "$(pgrep -f "qemu.*$T" | tr '\n' ' ')" ""
}
