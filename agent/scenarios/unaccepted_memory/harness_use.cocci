// SPDX-License-Identifier: GPL-2.0
// Checks that each page that the page allocator hands out has been accepted (harness.c).
// Files: mm/page_alloc.c
@hook@
identifier page, order;
@@
 prep_new_page(struct page *page, unsigned int order, ...)
 {
+lk_check_accepted(page, order);
 ...
 }

@depends on hook@
@@
 #include <linux/mm.h>
+#include <linux/lk_unaccepted_memory_harness.h>
