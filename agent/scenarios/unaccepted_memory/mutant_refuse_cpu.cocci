// SPDX-License-Identifier: GPL-2.0
// Brings no CPU online when less than 64 MiB of memory are left to accept.
// Files: mm/page_alloc.c
// Config: UNACCEPTED_MEMORY
@@
identifier zone;
@@
 page_alloc_cpu_online(...)
 {
 struct zone *zone;
+if (system_state == SYSTEM_RUNNING && global_zone_page_state(NR_UNACCEPTED) < 16 * MAX_ORDER_NR_PAGES)
+	return -ENOMEM;
 ...
 }
