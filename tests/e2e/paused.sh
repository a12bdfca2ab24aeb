#!/usr/bin/env bash
# The VM is paused from outside and goes on: recorded, and nothing held against the kernel.
. "$(dirname "$0")/lib.sh"
configure 'limits: { paused: 10min }'
ready 6.12
drill_begun 'act: none' 60s
domain=$(domains)
virsh -q -c "$libvirt_uri" suspend "$domain" >/dev/null
paused() { lkctl -o json run show "$id-001" | jq -e '.journal | any(test("VM paused"))' >/dev/null; }
check "lkd takes note of it" wait_for 60 paused
# Longer than a hang's patience (45 s under emulation).
read -rt 55 <> <(:) || true
virsh -q -c "$libvirt_uri" resume "$domain" >/dev/null
drill_over
check "it passes, or says that the pause is why not" json "$T/run.json" '.verdict == "pass" or (.verdict == "unproven" and (.reason | test("paused")))'
check "the pause is recorded" json "$T/run.json" '.pausedSeconds > 50'
check "nothing is held against the kernel" findings 'length == 0'
check "nothing is left" nothing_left
