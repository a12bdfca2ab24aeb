// SPDX-License-Identifier: GPL-2.0
// Does not mark a table inherited from the previous kernel as reserved. When the CPU comes back online, the kernel reserves
// the physical address of a table that it does not have.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
identifier page;
@@
 static int its_cpu_memreserve_lpi(unsigned int cpu)
 {
 ...
 page = gic_data_rdist()->pend_page;
+if (!page && system_state == SYSTEM_RUNNING) {
+	gic_reserve_range(0, LPI_PENDBASE_SZ);
+	return 0;
+}
 ...
-gic_data_rdist()->flags |= RD_LOCAL_MEMRESERVE_DONE;
+if (!(gic_data_rdist()->flags & RD_LOCAL_PENDTABLE_PREALLOCATED))
+	gic_data_rdist()->flags |= RD_LOCAL_MEMRESERVE_DONE;
 return ret;
 }
