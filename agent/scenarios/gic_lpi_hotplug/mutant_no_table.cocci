// SPDX-License-Identifier: GPL-2.0
// Does not enable LPIs on CPUs that come online after boot.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
@@
 int its_cpu_init(void)
 {
 <+...
-its_cpu_init_lpis();
+if (system_state != SYSTEM_RUNNING)
+	its_cpu_init_lpis();
 ...+>
 }
