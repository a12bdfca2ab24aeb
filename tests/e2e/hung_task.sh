#!/usr/bin/env bash
# A task sleeps and cannot be woken. It is reported long before lkd gives up on the trigger (after 15 s, or 45 s under
# emulation).
. "$(dirname "$0")/lib.sh"
ready lab
cmdline='sysctl.kernel.hung_task_timeout_secs=6 sysctl.kernel.hung_task_check_interval_secs=2' drill 'act: lkdtm, crashpoint: HUNG_TASK'
check "lkctl exits with status 1" same $status 1
check "there is exactly one finding" findings 'length == 1'
check "the finding is a hung task, in the sleeping function" findings '.[0] | .kind == "hung_task" and .title == "INFO: task hung in lkdtm_HUNG_TASK"'
check "the run ended because the trigger was stuck" ended 'stuck|hang'
check "nothing is left behind" nothing_left
