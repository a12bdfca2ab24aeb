// SPDX-License-Identifier: GPL-2.0
// Makes the addition of an MTRR allocate memory and, if the allocation fails, refuse with an error that does not tell.
// Files: arch/x86/kernel/cpu/mtrr/mtrr.c
// Config: MTRR
@hook@
statement S, T;
@@
 mtrr_add_page(...)
 {
 ... when != S
+{
+	void *request = kmalloc(64, GFP_ATOMIC);
+
+	if (!request)
+		return -EINVAL;
+	kfree(request);
+}
 T
 ... when any
 }

@depends on hook@
@@
 #include <linux/stop_machine.h>
+#include <linux/slab.h>
