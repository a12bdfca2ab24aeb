// SPDX-License-Identifier: GPL-2.0
// Accepts a range although another CPU is accepting part of it. Adjacent chunks have a unit in common, because the
// kernel accepts one unit beyond the end of each.
// Files: drivers/firmware/efi/unaccepted_memory.c
// Config: UNACCEPTED_MEMORY
@@
identifier entry, range;
@@
 accept_memory(...)
 {
 <+...
-entry->end <= range.start
+system_state == SYSTEM_RUNNING || entry->end <= range.start
 ...+>
 }
