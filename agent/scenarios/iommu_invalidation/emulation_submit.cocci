// SPDX-License-Identifier: GPL-2.0
// Unlike hardware, QEMU completes a submission during the write to the tail register. Makes the submitter drop the
// queue's lock once before it polls for the first time, as the driver does whenever it polls too early (emulation.c).
// Files: drivers/iommu/intel/dmar.c
@hook@
identifier qi, shift, iommu;
@@
 qi_submit_sync(...)
 {
 <+...
 writel(qi->free_head << shift, iommu->reg + DMAR_IQT_REG);
+if (lk_slow_queue()) {
+	raw_spin_unlock(&qi->q_lock);
+	lk_hardware_works();
+	raw_spin_lock(&qi->q_lock);
+}
 ...+>
 }

@depends on hook@
@@
 #include <linux/dmar.h>
+#include <linux/lk_iommu_invalidation.h>
