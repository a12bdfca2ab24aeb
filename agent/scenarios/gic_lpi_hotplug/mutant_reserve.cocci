// SPDX-License-Identifier: GPL-2.0
// Reserves the table of a CPU that comes online after boot while the CPU is being brought up, in atomic context, as
// before the fix.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS PREEMPT_RT DEBUG_ATOMIC_SLEEP
@@
@@
+static int its_cpu_memreserve_lpi(unsigned int cpu);
+
 int its_cpu_init(void)
 {
 <+...
 its_cpu_init_lpis();
+if (system_state == SYSTEM_RUNNING)
+	its_cpu_memreserve_lpi(smp_processor_id());
 ...+>
 }
