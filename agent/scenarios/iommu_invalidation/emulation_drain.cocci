// SPDX-License-Identifier: GPL-2.0
// While the emulation is enabled, follows each flush of I/O mappings with a drain: a submission without descriptors,
// which consists only of its wait descriptor (emulation.c). Since 6.12 flushes go through the batches in cache.c.
// Files: drivers/iommu/intel/cache.c|drivers/iommu/intel/dmar.c
@hook@
identifier flush =~ "^(qi_batch_flush_descs|qi_flush_iotlb)$";
expression iommu, desc, count;
@@
 flush(...)
 {
 <+...
 qi_submit_sync(iommu, desc, count, 0);
+if (lk_slow_queue())
+	qi_submit_sync(iommu, desc, 0, 0);
 ...+>
 }

@depends on hook@
@@
 #include <linux/dmar.h>
+#include <linux/lk_iommu_invalidation.h>
