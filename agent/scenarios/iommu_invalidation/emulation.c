// SPDX-License-Identifier: GPL-2.0
// Emulates an IOMMU that takes time: QEMU's IOMMU completes a submission during the write to the tail register.
#include <linux/delay.h>
#include <linux/lk_iommu_invalidation.h>
#include <linux/moduleparam.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lk_iommu_invalidation."

static unsigned int submit_us;
module_param(submit_us, uint, 0644);
MODULE_PARM_DESC(submit_us, "microseconds that a submission takes; 0 disables the emulation");

bool lk_slow_queue(void)
{
	return READ_ONCE(submit_us) != 0;
}

void lk_hardware_works(void)
{
	udelay(READ_ONCE(submit_us));
}
