// SPDX-License-Identifier: GPL-2.0
// Does not reserve the LPI property table. After kexec, the kernel cannot tell whether LPIs may stay enabled.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
expression address;
@@
-WARN_ON(gic_reserve_range(address, LPI_PROPBASE_SZ));
