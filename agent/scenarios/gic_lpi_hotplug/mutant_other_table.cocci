// SPDX-License-Identifier: GPL-2.0
// Mistakes the table that was allocated for a CPU before it came online, after boot, for the one that it has inherited.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
identifier address;
@@
 static void its_cpu_init_lpis(void)
 {
 <+...
 WARN_ON(!gic_check_reserved_range(address, LPI_PENDBASE_SZ));
+if (system_state == SYSTEM_RUNNING && gic_data_rdist()->pend_page)
+	address = page_to_phys(gic_data_rdist()->pend_page);
 ...+>
 }
