// SPDX-License-Identifier: GPL-2.0
// Does not subtract the first 32 MiB that are accepted after the boot from the unaccepted memory of their zone.
// Files: mm/page_alloc.c
// Config: UNACCEPTED_MEMORY
@@
identifier function =~ "^(__accept_page|accept_page|try_to_accept_memory_one)$";
expression zone, pages;
@@
 function(...)
 {
+static unsigned long lost;
 <+...
-__mod_zone_page_state(zone, NR_UNACCEPTED, pages);
+if (system_state == SYSTEM_RUNNING && lost < (32UL << 20) >> PAGE_SHIFT)
+	lost += MAX_ORDER_NR_PAGES;
+else
+	__mod_zone_page_state(zone, NR_UNACCEPTED, pages);
 ...+>
 }
