/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

/* Replaces the driver's write to the tail register of the invalidation queue. */
void lk_write_tail(u32 tail, void __iomem *reg);
/* Replaces the driver's read of the fault status register, which it repeats while it waits. */
u32 lk_read_faults(void __iomem *reg);
