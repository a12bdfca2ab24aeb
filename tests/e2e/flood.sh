#!/usr/bin/env bash
# The guest prints as fast as it can: the run is judged as usual, and lkd's memory and the console log stay bounded.
. "$(dirname "$0")/lib.sh"
configure 'consoleMaxBytes: 4MiB'
ready 6.12
drill 'act: none, flood: 16MiB' 20s
check "exit status 0: a flood is not a finding" same $status 0
run=$(jq -r .id "$T/run.json")
check "the console log stays bounded" bash -c "[ \$(lkctl run logs $run | wc -c) -le 4300000 ]"
drill 'act: sysrq, key: c, after: 8s, flood: 16MiB' 40s
check "a panic in the middle of the flood is found" findings 'length == 1 and (.[0].title == "kernel panic: sysrq triggered crash")'
check "the run ended because of the panic" ended 'fatal finding'
check "lkd's memory stays bounded" [ "$(awk '/^VmHWM:/ { print $2 }' "/proc/$lkd_pid/status")" -lt 400000 ]
check "nothing is left behind" nothing_left
