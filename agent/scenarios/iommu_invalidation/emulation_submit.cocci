// SPDX-License-Identifier: GPL-2.0
// QEMU has finished a submission by the time the tail register is written; hardware has not. The submitter lets others at
// the queue once before it looks, as it does whenever it looks too early (emulation.c).
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
