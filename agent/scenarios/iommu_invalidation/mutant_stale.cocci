// SPDX-License-Identifier: GPL-2.0
// Every 256th mapping of a page that a device is to write leads to another page, as one whose translation has not been
// invalidated would. The other page belongs to nobody, so nothing else is harmed. Starts after 1024 such mappings.
// Files: drivers/iommu/dma-iommu.c
@@
identifier iova, dev, phys, size, prot, mask, dir;
@@
 iommu_dma_map_page(..., enum dma_data_direction dir, ...)
 {
+static u8 others[2 * PAGE_SIZE];
+static atomic_t mapped;
 <+...
+if (system_state == SYSTEM_RUNNING && dir == DMA_FROM_DEVICE && size == PAGE_SIZE) {
+	unsigned int n = atomic_inc_return(&mapped);
+
+	if (n > 1024 && n % 256 == 0)
+		phys = PAGE_ALIGN(__pa_symbol(others));
+}
 iova = __iommu_dma_map(dev, phys, size, prot, mask);
 ...+>
 }
