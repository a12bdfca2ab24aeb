#!/usr/bin/env bash
# QEMU is stopped from outside (SIGSTOP): the guest falls silent, and so does QEMU's monitor. Nothing is known of the kernel.
. "$(dirname "$0")/lib.sh"
ready 6.12
drill_begun 'act: none'
stopped=$(qemu_pid)
kill -STOP "$stopped"
drill_over
check "error, the infrastructure's" json "$T/run.json" '.verdict == "error" and .blame == "infrastructure"'
check "it says that QEMU does not answer" json "$T/run.json" '.reason | test("answer")'
check "nothing is held against the kernel" findings '[.[] | select(.kind != "vm_crash")] | length == 0'
check "it ended the run, not its time" ended 'VM silent'
check "that QEMU is gone" bash -c "! kill -0 $stopped 2>/dev/null"
check "nothing is left" nothing_left
