// SPDX-License-Identifier: GPL-2.0
// Counts the calls of accept_memory() that have to retry because another CPU is accepting part of their range
// (harness.c).
// Files: drivers/firmware/efi/unaccepted_memory.c
@hook@
@@
 accept_memory(...)
 {
+bool lk_counted = false;
 <+...
+lk_count_retry(&lk_counted);
 goto retry;
 ...+>
 }

@depends on hook@
@@
 #include <linux/efi.h>
+#include <linux/lk_unaccepted_memory_harness.h>
