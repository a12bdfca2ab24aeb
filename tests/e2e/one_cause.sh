#!/usr/bin/env bash
# One hang that the soft lockup detector, RCU and a panic report in turn: one finding, with alternate titles.
. "$(dirname "$0")/lib.sh"
ready lab
# Output on the stuck CPU delays its soft lockup detector. A low watchdog_thresh lets this detector report first.
cmdline='watchdog_thresh=2 sysctl.kernel.panic_on_rcu_stall=1' drill 'act: lkdtm, crashpoint: SOFTLOCKUP'
run=$(jq -r .id "$T/run.json")
lkctl run logs "$run" >"$T/console"
for text in 'self-detected stall on CPU\|detected \(expedited \)\?stalls on CPUs' 'BUG: soft lockup' 'Kernel panic - not syncing: RCU Stall'; do
  check "the kernel printed $text" grep -q "$text" "$T/console"
done
check "lkctl exits with status 1" same $status 1
check "there is exactly one finding" findings 'length == 1'
check "the finding has alternate titles" findings '.[0] | [.title, .altTitles[]] | any(test("soft lockup")) and any(test("rcu detected stall")) and any(test("kernel panic"))'
check "a fatal finding ended the run" ended 'fatal finding'
check "nothing is left behind" nothing_left
