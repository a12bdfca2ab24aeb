// SPDX-License-Identifier: GPL-2.0
// Does not reserve the tables of CPUs that come online after boot.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
expression address;
@@
 static int its_cpu_memreserve_lpi(unsigned int cpu)
 {
 <+...
-WARN_ON(gic_reserve_range(address, LPI_PENDBASE_SZ));
+if (system_state != SYSTEM_RUNNING)
+	WARN_ON(gic_reserve_range(address, LPI_PENDBASE_SZ));
 ...+>
 }
