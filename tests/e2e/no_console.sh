#!/usr/bin/env bash
# Console capture is broken on purpose: the canary is missing, so the run does not pass.
. "$(dirname "$0")/lib.sh"
configure 'testHooks: [ drop_console ]'
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel 6.1)" >/dev/null
status=0
campaign '{ name: baseline, duration: 3s }' | lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "lkctl exits with status 3" same $status 3
check "the run is unproven, and the reason names the console" json "$T/result.json" '.runs[0] | .verdict == "unproven" and (.reason | test("console")) and .canaryConsole == false and .canaryKmsg'
