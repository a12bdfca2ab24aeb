#!/usr/bin/env bash
# Console capture is broken on purpose: the canary is missing, so nothing passes.
. "$(dirname "$0")/lib.sh"
configure 'testHooks: [ drop_console ]'
start_lkd
lkctl host add "$libvirt_uri" >/dev/null
lkctl kernel add "$(kernel 6.1)" >/dev/null
status=0
campaign '{ name: baseline, duration: 3s }' | lkctl -o json campaign start --wait - >"$T/result.json" 2>/dev/null || status=$?
check "exit 3" same $status 3
check "unproven, and it says what is missing" json "$T/result.json" '.runs[0] | .verdict == "unproven" and (.reason | test("console")) and .canaryConsole == false and .canaryKmsg'
