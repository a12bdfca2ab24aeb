#!/usr/bin/env bash
# Boots in the middle of a run, by the fire drill: one that nobody announced, and one that was announced and hangs.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill 'act: sysrq, key: b'
check "exit 1" same $status 1
check "fail by the kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
check "an unexpected reboot, once" findings 'length == 1 and (.[0] | .kind == "unexpected_reboot")'
check "the console saw it" findings '.[0].witnesses | index("console")'
check "it ended the run, not its time" ended 'fatal finding'

drill 'act: kexec_hang'
check "exit 1" same $status 1
check "fail by the kernel" json "$T/run.json" '.verdict == "fail" and .blame == "kernel"'
check "a hang, and nothing else" findings 'length == 1 and (.[0] | .kind == "hang")'
check "which says that a reboot was announced" json "$T/run.json" '.reason | test("announced a reboot")'
check "the registers were looked at" json "$T/run.json" '.postMortem[] | select(.step == "registers") | .outcome == "done" and (.text | test("RIP"))'
check "the only CPU that runs has its interrupts off" json "$T/run.json" '.postMortem[] | select(.step == "registers") | .detail | test("interrupts off")'
check "it ended the run, not its time" ended hang
check "nothing is left" nothing_left
