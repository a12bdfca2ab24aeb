// SPDX-License-Identifier: GPL-2.0
// Lets the emulation, which only takes time, stand in for acceptance by the platform (emulation.c).
// Files: arch/x86/include/asm/unaccepted_memory.h
@hook@
typedef phys_addr_t;
identifier start, end;
@@
 arch_accept_memory(phys_addr_t start, phys_addr_t end)
 {
+if (lk_accept_memory(start, end))
+	return;
 ...
 }

@depends on hook@
@@
 #include <linux/efi.h>
+#include <linux/lk_unaccepted_memory.h>
