// SPDX-License-Identifier: GPL-2.0
// Restores serialised acceptance: the lock that protects the bitmap is held, with interrupts off, while a range is
// accepted. Also removes the call that touches the watchdog afterwards (since 6.9). That call would hide how long a CPU
// has waited: after waiting, the CPU accepts its own range and touches the watchdog before it re-enables interrupts.
// Files: drivers/firmware/efi/unaccepted_memory.c
// Config: UNACCEPTED_MEMORY
@held@
expression start, end;
@@
 accept_memory(...)
 {
 <+...
-spin_unlock(&unaccepted_memory_lock);
 arch_accept_memory(start, end);
-spin_lock(&unaccepted_memory_lock);
 ...+>
 }

@depends on held@
@@
 accept_memory(...)
 {
 <...
-touch_softlockup_watchdog();
 ...>
 }
