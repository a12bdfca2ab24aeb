// SPDX-License-Identifier: GPL-2.0
// The group of a device that is added after the guest has booted is created as if it had been claimed, so that no driver
// can be bound to the device.
// Files: drivers/iommu/iommu.c
@@
identifier group;
expression size, flags;
@@
 iommu_group_alloc(void)
 {
 ...
 group = kzalloc(size, flags);
 if (!group)
 	return ERR_PTR(-ENOMEM);
+if (system_state == SYSTEM_RUNNING) {
+	group->owner = group;
+	group->owner_cnt = 1;
+}
 ...
 }
