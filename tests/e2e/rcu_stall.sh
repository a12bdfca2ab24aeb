#!/usr/bin/env bash
# A CPU stalls RCU while the soft lockup detector is off.
. "$(dirname "$0")/lib.sh"
ready lab
cmdline=nosoftlockup drill 'act: test_lockup, lockup: "time_secs=60 disable_preempt=1"'
check "lkctl exits with status 1" same $status 1
check "there is exactly one finding" findings 'length == 1'
# A softirq may have been running on top of it when RCU looked.
check "the finding is an RCU stall in the module's init function, which spins" findings \
  '.[0] | .kind == "rcu_stall" and ([.title, .altTitles[]] | any(. == "INFO: rcu detected stall in test_lockup_init")) and (.frames | any(.module == "test_lockup"))'
check "the run ended because the trigger was stuck" ended 'stuck|hang'
check "nothing is left behind" nothing_left
