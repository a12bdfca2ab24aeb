#!/usr/bin/env bash
# A CPU that keeps RCU waiting, on a kernel whose soft lockup detector is off.
. "$(dirname "$0")/lib.sh"
ready lab
cmdline=nosoftlockup drill 'act: test_lockup, lockup: "time_secs=60 disable_preempt=1"'
check "exit 1" same $status 1
check "one finding" findings 'length == 1'
check "an RCU stall in the module that does not come out" findings '.[0] | .kind == "rcu_stall" and (.title | startswith("INFO: rcu detected stall in ")) and (.frames | any(.module == "test_lockup"))'
check "it ended the run, not its time" ended 'stuck|hang'
check "nothing is left" nothing_left
