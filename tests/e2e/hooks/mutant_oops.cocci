// SPDX-License-Identifier: GPL-2.0
// Breaks something that the scenario does not test: the first hot-plugged memory causes an oops.
// Files: mm/memory_hotplug.c
@@
@@
 add_memory_resource(...)
 {
 ... when any
+BUG_ON(system_state == SYSTEM_RUNNING);
 mem_hotplug_begin();
 ... when any
 }
