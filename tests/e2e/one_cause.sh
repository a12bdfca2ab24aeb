#!/usr/bin/env bash
# One hang that the soft lockup detector, RCU and a panic tell of, each at its time: one finding, with alternates.
. "$(dirname "$0")/lib.sh"
ready lab
# What the stuck CPU itself prints keeps its soft lockup detector quiet for another while, so that one is first here.
cmdline='watchdog_thresh=2 sysctl.kernel.panic_on_rcu_stall=1' drill 'act: lkdtm, crashpoint: SOFTLOCKUP'
run=$(jq -r .id "$T/run.json")
lkctl run logs "$run" >"$T/console"
for text in 'self-detected stall on CPU\|detected \(expedited \)\?stalls on CPUs' 'BUG: soft lockup' 'Kernel panic - not syncing: RCU Stall'; do
  check "the kernel printed $text" grep -q "$text" "$T/console"
done
check "exit 1" same $status 1
check "one finding" findings 'length == 1'
check "with alternates" findings '.[0] | [.title, .altTitles[]] | any(test("soft lockup")) and any(test("rcu detected stall")) and any(test("kernel panic"))'
check "fatal: the run ended by itself" ended 'fatal finding'
check "nothing is left" nothing_left
