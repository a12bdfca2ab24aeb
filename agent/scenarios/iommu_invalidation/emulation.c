// SPDX-License-Identifier: GPL-2.0
// Emulates an IOMMU that takes time: QEMU's IOMMU completes a submission during the write to the tail register.
// The write is held back instead, and reaches the IOMMU once the time has passed and a submitter polls. The driver makes
// both accesses with the queue's lock held. A second IOMMU is not slowed down.
#include <linux/io.h>
#include <linux/lk_iommu_invalidation.h>
#include <linux/moduleparam.h>
#include <linux/timekeeping.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lk_iommu_invalidation."

static unsigned int submit_us;
module_param(submit_us, uint, 0644);
MODULE_PARM_DESC(submit_us, "microseconds that a submission takes; 0 disables the emulation");

static void __iomem *slow_reg;
static bool held_back;
static u32 held_tail;
static u64 due;

static void pass_on(void)
{
	held_back = false;
	writel(held_tail, slow_reg);
}

void lk_write_tail(u32 tail, void __iomem *reg)
{
	void __iomem *first = cmpxchg(&slow_reg, NULL, reg);

	if (first && first != reg) {
		writel(tail, reg);
		return;
	}
	if (!held_back)
		due = ktime_get_mono_fast_ns() + 1000ULL * READ_ONCE(submit_us);
	held_tail = tail;
	held_back = true;
	if (!READ_ONCE(submit_us))
		pass_on();
}

u32 lk_read_faults(void __iomem *reg)
{
	/* Registers of one IOMMU share a page. */
	bool slow = ((unsigned long)reg ^ (unsigned long)slow_reg) < PAGE_SIZE;

	if (slow && held_back && ktime_get_mono_fast_ns() >= due)
		pass_on();
	return readl(reg);
}
