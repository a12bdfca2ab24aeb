// SPDX-License-Identifier: GPL-2.0
// Restores the rule under which "done" also meant "may be reclaimed": a CPU that reclaims slots also frees the wait
// descriptors of other CPUs, which then never see them done.
// Files: drivers/iommu/intel/dmar.c
// Config: INTEL_IOMMU
@@
identifier qi;
@@
 reclaim_free_desc(struct q_inval *qi)
 {
-while (qi->desc_status[qi->free_tail] == QI_FREE && qi->free_tail != qi->free_head) {
+while (qi->desc_status[qi->free_tail] == QI_DONE || qi->desc_status[qi->free_tail] == QI_ABORT) {
+	qi->desc_status[qi->free_tail] = QI_FREE;
 	...
 }
 }
