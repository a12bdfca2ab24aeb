// SPDX-License-Identifier: GPL-2.0
// Waits for the response to a cross-CPU call without a word.
// Files: kernel/smp.c
// Config: CSD_LOCK_WAIT_DEBUG
@@
identifier now;
@@
 csd_lock_wait_toolong(...)
 {
 <+...
+return false;
 now = sched_clock();
 ...+>
 }
