// SPDX-License-Identifier: GPL-2.0
// Unlike hardware, QEMU completes a submission during the write to the tail register. Passes this write, and the reads of
// the fault status register while the driver waits, to an emulation of slow hardware (emulation.c).
// Files: drivers/iommu/intel/dmar.c
@hook@
identifier qi, shift, iommu;
@@
 qi_submit_sync(...)
 {
 <+...
-writel(qi->free_head << shift, iommu->reg + DMAR_IQT_REG);
+lk_write_tail(qi->free_head << shift, iommu->reg + DMAR_IQT_REG);
 ...+>
 }

@depends on hook@
identifier iommu;
@@
 qi_check_fault(...)
 {
 <+...
-readl(iommu->reg + DMAR_FSTS_REG)
+lk_read_faults(iommu->reg + DMAR_FSTS_REG)
 ...+>
 }

@depends on hook@
@@
 #include <linux/dmar.h>
+#include <linux/lk_iommu_invalidation.h>
