#!/usr/bin/env bash
# The guest prints as fast as it can: the run is judged as any other, lkd's memory and the record stay bounded.
. "$(dirname "$0")/lib.sh"
configure 'consoleMaxBytes: 4MiB'
ready 6.12
drill 'act: none, flood: 16MiB' 20s
check "exit 0: a flood is no finding" same $status 0
run=$(jq -r .id "$T/run.json")
check "the record is bounded" bash -c "[ \$(lkctl run logs $run | wc -c) -le 4300000 ]"
drill 'act: sysrq, key: c, after: 8s, flood: 16MiB' 40s
check "a panic in the middle of it is found all the same" findings 'length == 1 and (.[0].title == "kernel panic: sysrq triggered crash")'
check "and ends the run" ended 'fatal finding'
check "lkd's memory stays bounded" [ "$(awk '/^VmHWM:/ { print $2 }' "/proc/$lkd_pid/status")" -lt 400000 ]
check "nothing is left" nothing_left
