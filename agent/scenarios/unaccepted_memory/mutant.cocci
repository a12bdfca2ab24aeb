// SPDX-License-Identifier: GPL-2.0
// Puts the serialised acceptance back: the lock that protects the bitmap is held, with interrupts off, while a range is
// accepted. The watchdog is not told afterwards that all is well, either; where it is (since 6.9), it never finds out how
// long a CPU has waited, for whoever has waited accepts next, and only then has its interrupts on again.
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
