// SPDX-License-Identifier: GPL-2.0
// Gives a CPU that comes online after boot a new table although it has inherited one.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
expression control;
@@
 static void its_cpu_init_lpis(void)
 {
 <+...
 (gic_rdists->flags & RDIST_FLAGS_RD_TABLES_PREALLOCATED) &&
-(control & GICR_CTLR_ENABLE_LPIS)
+(control & GICR_CTLR_ENABLE_LPIS) && system_state != SYSTEM_RUNNING
 ...+>
 }
