// SPDX-License-Identifier: GPL-2.0
// The second half of the mutant (see mutant_reclaim.cocci): the owner of a submission marks its descriptors done, but
// leaves its wait descriptor to the CPU that reclaims.
// Files: drivers/iommu/intel/dmar.c
@@
identifier qi, i, index;
expression count;
@@
 qi_submit_sync(...)
 {
 <+...
-for (i = 0; i <= count; i++)
+for (i = 0; i < count; i++)
-	qi->desc_status[(index + i) % QI_LENGTH] = QI_FREE;
+	qi->desc_status[(index + i) % QI_LENGTH] = QI_DONE;
 ...+>
 }
