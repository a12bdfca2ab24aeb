// SPDX-License-Identifier: GPL-2.0
// Leaves the first range that is accepted after the boot on the list of ranges in progress. A CPU that needs the unit
// which this range shares with the next one retries forever.
// Files: drivers/firmware/efi/unaccepted_memory.c
// Config: UNACCEPTED_MEMORY
@@
identifier range;
@@
 accept_memory(...)
 {
+static struct accept_range left;
 <+...
-list_del(&range.list);
+if (system_state == SYSTEM_RUNNING && left.end == 0) {
+	left = range;
+	list_replace(&range.list, &left.list);
+} else {
+	list_del(&range.list);
+}
 ...+>
 }
