// SPDX-License-Identifier: GPL-2.0
// Checks no task.
// Files: kernel/hung_task.c
// Config: DETECT_HUNG_TASK
@@
@@
 check_hung_task(...)
 {
+return;
 ...
 }
