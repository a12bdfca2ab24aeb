#!/usr/bin/env bash
# The guest's network link goes down: the agent is lost, but the console shows that the kernel is alive.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none'
domain=$(domains)
nic=$(virsh -q -c "$libvirt_uri" domiflist "$domain" | awk '$1 != "" { print $5; exit }')
virsh -q -c "$libvirt_uri" domif-setlink "$domain" "$nic" down >/dev/null
drill_over
check "the verdict is error, and the kernel is not blamed" json "$T/run.json" '.verdict == "error" and .blame != "kernel"'
check "the finding is a lost agent" json "$T/run.json" '(.reason | test("agent lost")) and (.findings | any(.kind == "agent_lost"))'
check "the run ended because the agent was lost" ended 'agent lost'
check "nothing is left behind" nothing_left
