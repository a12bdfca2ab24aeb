// SPDX-License-Identifier: GPL-2.0
// Builds the unaccepted memory table as soon as the direct map exists (emulation.c).
// Files: arch/x86/kernel/setup.c
@hook@
@@
 setup_arch(...)
 {
 ...
 init_mem_mapping();
+lk_build_unaccepted_table();
 ...
 }

@depends on hook@
@@
 #include <linux/efi.h>
+#include <linux/lk_unaccepted_memory.h>
