// SPDX-License-Identifier: GPL-2.0
// Refuses to take the second CPU offline, except while the kernel shuts down.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
expression state;
@@
+static int its_cpu_keep(unsigned int cpu)
+{
+	return cpu == 1 && system_state == SYSTEM_RUNNING ? -EBUSY : 0;
+}
+
 int __init its_lpi_memreserve_init(void)
 {
 <+...
 cpuhp_setup_state(state, "irqchip/arm/gicv3/memreserve:online",
 	its_cpu_memreserve_lpi,
-	NULL
+	its_cpu_keep
 	)
 ...+>
 }
