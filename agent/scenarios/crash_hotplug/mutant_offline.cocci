// SPDX-License-Identifier: GPL-2.0
// A block that comes online gets no zone, without which it cannot go offline again.
// Files: drivers/base/memory.c
@@
identifier mem, zone;
@@
 memory_block_online(...)
 {
 <+...
-mem->zone = zone;
 ...+>
 }
