#!/usr/bin/env bash
# If the host is down, the verdict is miss, not pass.
. "$(dirname "$0")/lib.sh"
configure 'limits: { hostRetry: 3s }'
# lkd connects to libvirt through a relay, which can be stopped without stopping the daemon.
timeout 60 virsh -q -c "$libvirt_uri" version >/dev/null
real=/run/libvirt/libvirt-sock
[ "$(id -u)" = 0 ] || real=$XDG_RUNTIME_DIR/libvirt/libvirt-sock
setsid socat "UNIX-LISTEN:$T/relay,fork" "UNIX-CONNECT:$real" &
relay=$!
check "the relay is listening" wait_for 60 test -S "$T/relay"
start_lkd
lkctl kernel add "$(kernel 6.1)" >/dev/null
check "the host can be added" lkctl host add "qemu+unix:///${libvirt_uri##*/}?socket=$T/relay"
kill -- "-$relay"
rm -f "$T/relay"
check "the host is reported as down" wait_for 120 bash -c "lkctl -o json host list | jq -e '.state == \"down\" and .stateReason != \"\"' >/dev/null"
status=0
campaign '{ name: baseline, duration: 5s }' 'retries: { error: 0 }' | timeout 300 lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "lkctl exits with status 3" same $status 3
check "the run is a miss, with the reason" json "$T/result.json" '.runs[0] | .verdict == "miss" and .blame == "infrastructure" and (.reason | test("host"))'
