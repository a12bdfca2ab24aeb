#!/usr/bin/env bash
# A task that sleeps and cannot be woken.
. "$(dirname "$0")/lib.sh"
ready lab
drill 'act: lkdtm, crashpoint: HUNG_TASK'
check "exit 1" same $status 1
check "one finding" findings 'length == 1'
check "a hung task, in the function that sleeps" findings '.[0] | .kind == "hung_task" and (.title | test("lkdtm_HUNG_TASK"))'
check "promptly" within 150
check "nothing is left" nothing_left
