// SPDX-License-Identifier: GPL-2.0
// The switch for the additional caller of qi_submit_sync() (harness.cocci).
#include <linux/compiler.h>
#include <linux/lk_iommu_invalidation_harness.h>
#include <linux/moduleparam.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lk_iommu_invalidation_harness."

static bool drains;
module_param(drains, bool, 0644);
MODULE_PARM_DESC(drains, "follow each flush of I/O mappings with a submission without descriptors");

bool lk_drains(void)
{
	return READ_ONCE(drains);
}
