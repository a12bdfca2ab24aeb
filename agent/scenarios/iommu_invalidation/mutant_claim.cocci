// SPDX-License-Identifier: GPL-2.0
// A group whose domain has been changed remains claimed, so that its device can neither get another domain nor be bound
// to a driver.
// Files: drivers/iommu/iommu.c
@@
identifier group, ret, type;
@@
 iommu_group_store_type(struct iommu_group *group, ...)
 {
 <+...
 ret = iommu_setup_default_domain(group, type);
 if (ret)
 	goto out_unlock;
+group->owner = group;
+group->owner_cnt++;
 ...+>
 }
