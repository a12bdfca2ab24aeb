#!/usr/bin/env bash
# In the first run, the trigger's process is killed; in the second, the agent itself, which is PID 1, dies of SIGSEGV, so the
# kernel panics. Neither is held against the kernel, and the second run is unproven: corrupted memory would explain it.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill 'act: kill_worker'
check "lkctl exits with status 3" same $status 3
check "the verdict is error, blame test, because the trigger was killed" json "$T/run.json" '.verdict == "error" and .blame == "test" and (.reason | test("died.*signal 9"))'
check "the run ended because the trigger died" ended 'done: error'
drill 'act: kill_agent'
check "lkctl exits with status 3" same $status 3
check "the verdict is unproven, blame test, because the agent died of SIGSEGV" json "$T/run.json" '.verdict == "unproven" and .blame == "test" and (.reason | test("Attempted to kill init"))'
check "the run ended because of the panic" ended 'fatal finding'
check "nothing is left behind" nothing_left
