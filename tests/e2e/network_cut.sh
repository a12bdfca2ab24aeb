#!/usr/bin/env bash
# The guest's network is cut: the agent is lost, the kernel lives on, as its console shows.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none'
domain=$(domains)
nic=$(virsh -q -c "$libvirt_uri" domiflist "$domain" | awk '$1 != "" { print $5; exit }')
virsh -q -c "$libvirt_uri" domif-setlink "$domain" "$nic" down >/dev/null
drill_over
check "error, not the kernel's" json "$T/run.json" '.verdict == "error" and .blame != "kernel"'
check "the agent is lost" json "$T/run.json" '(.reason | test("agent lost")) and (.findings | any(.kind == "agent_lost"))'
check "it ended the run, not its time" ended 'agent lost'
check "nothing is left" nothing_left
