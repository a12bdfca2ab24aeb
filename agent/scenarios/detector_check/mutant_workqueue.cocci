// SPDX-License-Identifier: GPL-2.0
// Never finds a pool that makes no progress.
// Files: kernel/workqueue.c
// Config: WQ_WATCHDOG
@@
expression now, limit;
@@
 wq_watchdog_timer_fn(...)
 {
 <+...
 /* did we stall? */
-if (time_after(now, limit))
+if (false)
 { ... }
 ...+>
 }
