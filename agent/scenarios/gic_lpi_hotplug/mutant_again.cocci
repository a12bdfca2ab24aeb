// SPDX-License-Identifier: GPL-2.0
// Sets up LPIs again each time that a CPU comes back online.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
@@
 static void its_cpu_init_lpis(void)
 {
 ...
-if (gic_data_rdist()->flags & RD_LOCAL_LPI_ENABLED)
+if ((gic_data_rdist()->flags & RD_LOCAL_LPI_ENABLED) && system_state != SYSTEM_RUNNING)
 	return;
 ...
 }
