// SPDX-License-Identifier: GPL-2.0
// Going offline leaves the block's zone set, and coming online takes that for a block in use.
// Files: drivers/base/memory.c
@@
identifier mem;
@@
 memory_block_offline(...)
 {
 <+...
-mem->zone = NULL;
 ...+>
 }

@@
identifier mem, zone;
@@
 memory_block_online(struct memory_block *mem)
 {
 <+...
+if (mem->zone)
+	return -EBUSY;
 zone = zone_for_pfn_range(...);
 ...+>
 }
