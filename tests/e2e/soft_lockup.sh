#!/usr/bin/env bash
# One CPU spins in the kernel without being preempted, for good: a soft lockup, named after the function that spins and told
# of while it goes on. RCU, which would tell of it first, is kept quiet, and so are hung tasks: whoever waits for RCU is one.
. "$(dirname "$0")/lib.sh"
ready lab
cmdline='rcupdate.rcu_cpu_stall_suppress=1 sysctl.kernel.hung_task_timeout_secs=0 watchdog_thresh=5' \
  drill_begun 'act: lkdtm, crashpoint: SOFTLOCKUP'
timeout 600 lkctl -o json campaign watch "$id" >"$T/events" || true
drill_over
check "fail, by the kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
check "one finding, whoever saw it" findings 'length == 1'
check "a soft lockup in the function that spins" findings '.[0] | .kind == "soft_lockup" and (.title | startswith("BUG: soft lockup in ")) and (.frames | any(.function == "lkdtm_SOFTLOCKUP"))'
check "the console and the agent saw it" findings '.[0].witnesses | contains(["console", "agent"])'
check "watchers heard of it while it was being read, and then whole" bash -c "jq -se '[.[] | .finding.finding // empty] | any(.open) and any(.open | not)' '$T/events'"
check "before the run was over" bash -c "jq -se '([.[] | .finding != null] | index(true)) < ([.[] | .run.state == \"done\"] | index(true))' '$T/events'"
check "the trigger was given up, not let go on to its time" ended 'stuck|hang'
check "the hang was looked into, step by step" json "$T/run.json" '[.postMortem[].step] == ["drain", "registers", "nmi", "dump", "destroy"]'
check "nothing is left" nothing_left
