#!/usr/bin/env bash
# The trigger's process dies; then the agent itself, PID 1, which takes the kernel with it: the test's fault both times.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill 'act: kill_worker'
check "exit 3" same $status 3
check "the trigger died: error, the test's" json "$T/run.json" '.verdict == "error" and .blame == "test" and (.reason | test("died.*signal 9"))'
check "it ended the run, not its time" ended 'done: error'
drill 'act: kill_agent'
check "exit 3" same $status 3
check "the agent died: error, the test's" json "$T/run.json" '.verdict == "error" and .blame == "test" and (.reason | test("agent"))'
check "it ended the run, not its time" ended 'fatal finding'
check "nothing is left" nothing_left
