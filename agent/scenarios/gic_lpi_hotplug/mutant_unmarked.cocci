// SPDX-License-Identifier: GPL-2.0
// Does not mark a table as reserved. The kernel then reserves the table of a CPU each time that the CPU comes online, as
// long as another CPU has never been online; after kexec it has no table to reserve, and the CPU stays offline.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
@@
 static int its_cpu_memreserve_lpi(unsigned int cpu)
 {
 ...
-gic_data_rdist()->flags |= RD_LOCAL_MEMRESERVE_DONE;
 return ret;
 }
