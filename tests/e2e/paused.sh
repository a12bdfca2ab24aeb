#!/usr/bin/env bash
# The VM is paused from outside and resumed: this is recorded, and the kernel is not blamed.
. "$(dirname "$0")/lib.sh"
configure 'limits: { paused: 10min }'
ready 6.12
drill_begun 'act: none' 60s
domain=$(domains)
virsh -q -c "$libvirt_uri" suspend "$domain" >/dev/null
paused() { lkctl -o json run show "$id-001" | jq -e '.journal | any(test("VM paused"))' >/dev/null; }
check "lkd notices the pause" wait_for 60 paused
# Longer than the limit for a hang (45 s under emulation).
read -rt 55 <> <(:) || true
virsh -q -c "$libvirt_uri" resume "$domain" >/dev/null
drill_over
check "the run passes, or is unproven because of the pause" json "$T/run.json" '.verdict == "pass" or (.verdict == "unproven" and (.reason | test("paused")))'
check "the pause is recorded" json "$T/run.json" '.pausedSeconds > 50'
check "no finding counts against the kernel" findings 'length == 0'
check "nothing is left behind" nothing_left
