// SPDX-License-Identifier: GPL-2.0
// Once the guest runs, submits each flush of all mappings of a domain once more beforehand, with a reserved bit set: the
// hardware refuses it and reports an error of the queue. Domains are flushed when a device changes its domain or is
// added.
// Files: drivers/iommu/intel/dmar.c
// Config: INTEL_IOMMU
@@
identifier iommu, desc;
@@
 qi_flush_iotlb(struct intel_iommu *iommu, ...)
 {
 <+...
 qi_desc_iotlb(..., &desc);
+if (system_state == SYSTEM_RUNNING) {
+	struct qi_desc refused = desc;
+
+	refused.qw0 |= BIT_ULL(32);
+	qi_submit_sync(iommu, &refused, 1, 0);
+}
 ...+>
 }
