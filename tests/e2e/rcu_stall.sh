#!/usr/bin/env bash
# A CPU stalls RCU while the soft lockup detector is off.
. "$(dirname "$0")/lib.sh"
ready lab
cmdline=nosoftlockup drill 'act: test_lockup, lockup: "time_secs=60 disable_preempt=1"'
check "lkctl exits with status 1" same $status 1
check "there is exactly one finding" findings 'length == 1'
check "the finding is an RCU stall, and the spinning module is in its stack" findings '.[0] | .kind == "rcu_stall" and (.title | startswith("INFO: rcu detected stall in ")) and (.frames | any(.module == "test_lockup"))'
check "the run ended because the trigger was stuck" ended 'stuck|hang'
check "nothing is left behind" nothing_left
