#!/usr/bin/env bash
# One CPU spins in the kernel forever without being preempted: a soft lockup, named after the spinning function and
# reported while it lasts. RCU, which would report it first, is silenced, as is the hung task detector, which would
# report tasks that wait for RCU.
. "$(dirname "$0")/lib.sh"
ready lab
cmdline='rcupdate.rcu_cpu_stall_suppress=1 sysctl.kernel.hung_task_timeout_secs=0 watchdog_thresh=5' \
  drill_begun 'act: lkdtm, crashpoint: SOFTLOCKUP'
timeout 600 lkctl -o json campaign watch "$id" >"$T/events" || true
drill_over
check "the verdict is fail, blame kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
check "there is only one finding for all witnesses" findings 'length == 1'
# A softirq may have been running on top of it when the watchdog looked.
check "the finding is a soft lockup in the method of LKDTM's file, which does not return" findings \
  '.[0] | .kind == "soft_lockup" and ([.title, .altTitles[]] | any(. == "BUG: soft lockup in direct_entry")) and (.frames | any(.function == "lkdtm_SOFTLOCKUP"))'
check "the console and the agent are its witnesses" findings '.[0].witnesses | contains(["console", "agent"])'
check "watchers received the finding first incomplete, then complete" bash -c "jq -se '[.[] | .finding.finding // empty] | any(.open) and any(.open | not)' '$T/events'"
check "watchers received the finding before the run was done" bash -c "jq -se '([.[] | .finding != null] | index(true)) < ([.[] | .run.state == \"done\"] | index(true))' '$T/events'"
check "the run ended because the trigger was stuck" ended 'stuck|hang'
check "all post-mortem steps were recorded" json "$T/run.json" '[.postMortem[].step] == ["drain", "registers", "nmi", "dump", "destroy"]'
check "nothing is left behind" nothing_left
