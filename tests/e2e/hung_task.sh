#!/usr/bin/env bash
# A task that sleeps and cannot be woken, told of long before its trigger is given up (15 s, 45 under emulation).
. "$(dirname "$0")/lib.sh"
ready lab
cmdline='sysctl.kernel.hung_task_timeout_secs=6 sysctl.kernel.hung_task_check_interval_secs=2' drill 'act: lkdtm, crashpoint: HUNG_TASK'
check "exit 1" same $status 1
check "one finding" findings 'length == 1'
check "a hung task, in the function that sleeps" findings '.[0] | .kind == "hung_task" and (.title | test("lkdtm_HUNG_TASK"))'
check "it ended the run, not its time" ended 'stuck|hang'
check "nothing is left" nothing_left
