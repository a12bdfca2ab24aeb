#!/usr/bin/env bash
# The VM is paused from outside and goes on: recorded, and nothing held against the kernel.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none' 60s
domain=$(domains)
virsh -q -c "$libvirt_uri" suspend "$domain" >/dev/null
# Longer than a hang's patience (30 s under emulation).
read -rt 35 <> <(:) || true
virsh -q -c "$libvirt_uri" resume "$domain" >/dev/null
drill_over
check "it passes, or says that the pause is why not" json "$T/run.json" '.verdict == "pass" or (.verdict == "unproven" and (.reason | test("paused")))'
check "the pause is recorded" json "$T/run.json" '.pausedSeconds > 30 and .pausedSeconds < 60'
check "nothing is held against the kernel" findings 'length == 0'
check "nothing is left" nothing_left
