// SPDX-License-Identifier: GPL-2.0
// Leaves a CPU that comes back online inactive, so that no thread can run on it.
// Files: kernel/sched/core.c
// Config: HOTPLUG_CPU
@@
expression cpu;
@@
 sched_cpu_activate(...)
 {
 <+...
+if (system_state < SYSTEM_RUNNING)
 	set_cpu_active(cpu, true);
 ...+>
 }
