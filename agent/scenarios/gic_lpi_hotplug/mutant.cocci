// SPDX-License-Identifier: GPL-2.0
// Reserves a CPU's pending table while the CPU is being brought up, in atomic context, as before the fix. Excludes the
// first CPU, which is brought up before anything can sleep.
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
+if (smp_processor_id() != 0)
+	its_cpu_memreserve_lpi(smp_processor_id());
 ...+>
 }
