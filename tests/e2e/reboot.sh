#!/usr/bin/env bash
# fire_drill reboots a guest in the middle of a run: the first reboot is not announced; the second is announced,
# but ends in a hang.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill 'act: sysrq, key: b'
check "lkctl exits with status 1" same $status 1
check "the verdict is fail, blame kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
check "the only finding is an unexpected reboot" findings 'length == 1 and (.[0] | .kind == "unexpected_reboot")'
check "the console is a witness of the reboot" findings '.[0].witnesses | index("console")'
check "the run ended because of the reboot" ended 'fatal finding'

drill 'act: kexec_hang'
check "lkctl exits with status 1" same $status 1
check "the verdict is fail, blame kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
check "the only finding is a hang" findings 'length == 1 and (.[0] | .kind == "hang")'
check "the reason mentions the announced reboot" json "$T/run.json" '.reason | test("announced a reboot")'
check "the registers were recorded" json "$T/run.json" '.postMortem[] | select(.step == "registers") | .outcome == "done" and (.text | test("RIP"))'
check "the registers show that the only running CPU has interrupts off" json "$T/run.json" '.postMortem[] | select(.step == "registers") | .detail | test("interrupts off")'
check "the run ended because of the hang" ended hang
check "nothing is left behind" nothing_left
