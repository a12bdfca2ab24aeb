#!/usr/bin/env bash
# QEMU is stopped from outside (SIGSTOP): neither the guest nor QEMU's monitor responds, so nothing is known about the
# kernel.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none'
stopped=$(qemu_pid)
kill -STOP "$stopped"
drill_over
check "the verdict is error, blame infrastructure" json "$T/run.json" '.verdict == "error" and .blame == "infrastructure"'
check "the reason is that QEMU does not respond" json "$T/run.json" '.reason | test("does not respond")'
check "no finding counts against the kernel" findings '[.[] | select(.kind != "vm_crash")] | length == 0'
check "the run ended because the VM was silent" ended 'VM silent'
check "the stopped QEMU is gone" bash -c "! kill -0 $stopped 2>/dev/null"
check "nothing is left behind" nothing_left
