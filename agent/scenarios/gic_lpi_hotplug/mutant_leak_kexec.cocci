// SPDX-License-Identifier: GPL-2.0
// After kexec, reserves the tables that the CPUs online at boot do not need instead of freeing them.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
@@
 static int its_cpu_memreserve_lpi(unsigned int cpu)
 {
 <+...
-if (gic_data_rdist()->flags & RD_LOCAL_PENDTABLE_PREALLOCATED)
+if ((gic_data_rdist()->flags & RD_LOCAL_PENDTABLE_PREALLOCATED) && system_state == SYSTEM_RUNNING)
 {...} else {...}
 ...+>
 }
