// SPDX-License-Identifier: GPL-2.0
// The first block that comes online automatically ends the walk over the new blocks.
// Files: mm/memory_hotplug.c
@@
expression dev;
@@
 online_memory_block(...)
 {
 ...
-return device_online(dev);
+device_online(dev);
+return 1;
 }
