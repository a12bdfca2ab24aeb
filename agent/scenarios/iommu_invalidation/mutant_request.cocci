// SPDX-License-Identifier: GPL-2.0
// In 4096 mappings of a request with one segment (a table of 3 descriptors of 16 bytes, which virtio_ring maps), 4 lead
// to another page, which is empty. The device finds the request invalid and stops, so that requests remain in flight.
// Starts after 2048 such mappings. With 4, it is not only the disk that is to be removed that stops.
// Files: drivers/iommu/dma-iommu.c
@@
identifier iova, dev, phys, size, prot, mask, dir;
@@
 iommu_dma_map_page(..., enum dma_data_direction dir, ...)
 {
+static u8 zeros[2 * PAGE_SIZE];
+static atomic_t mapped;
 <+...
+if (system_state == SYSTEM_RUNNING && dir == DMA_TO_DEVICE && size == 3 * 16 &&
+    atomic_inc_return(&mapped) % 4096 / 4 == 512)
+	phys = PAGE_ALIGN(__pa_symbol(zeros)) + (phys & ~PAGE_MASK);
 iova = __iommu_dma_map(dev, phys, size, prot, mask);
 ...+>
 }
