// SPDX-License-Identifier: GPL-2.0
// The table of unaccepted memory is built where the direct map has just been made (emulation.c).
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
