// SPDX-License-Identifier: GPL-2.0
// Adds a caller that no kernel has: while it is enabled, each flush of I/O mappings is followed by a drain, which is a
// submission without descriptors (harness.c). Since 6.12 flushes go through the batches in cache.c.
// Files: drivers/iommu/intel/cache.c|drivers/iommu/intel/dmar.c
@hook@
identifier flush =~ "^(qi_batch_flush_descs|qi_flush_iotlb)$";
expression iommu, desc, count;
@@
 flush(...)
 {
 <+...
 qi_submit_sync(iommu, desc, count, 0);
+if (lk_drains())
+	qi_submit_sync(iommu, desc, 0, 0);
 ...+>
 }

@depends on hook@
@@
 #include <linux/dmar.h>
+#include <linux/lk_iommu_invalidation_harness.h>
