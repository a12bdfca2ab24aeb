// SPDX-License-Identifier: GPL-2.0
// Makes mmap() fail if a mapping is larger than the free memory that has been accepted.
// Files: mm/mmap.c
// Config: UNACCEPTED_MEMORY
@@
identifier len;
@@
 do_mmap(...)
 {
 <+...
 len = PAGE_ALIGN(len);
+if (system_state == SYSTEM_RUNNING &&
+    (len >> PAGE_SHIFT) > global_zone_page_state(NR_FREE_PAGES) - global_zone_page_state(NR_UNACCEPTED))
+	return -ENOMEM;
 ...+>
 }
