// SPDX-License-Identifier: GPL-2.0
// Never finds a hard lockup.
// Files: kernel/watchdog.c
// Config: HARDLOCKUP_DETECTOR
@@
@@
 is_hardlockup(...)
 {
 <+...
-return true;
+return false;
 ...+>
 }
