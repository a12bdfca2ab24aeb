// SPDX-License-Identifier: GPL-2.0
// Makes a cross-CPU call allocate its request again and, if the allocation fails, wait for the handlers even if it was
// asked not to.
// Files: kernel/smp.c
// Config: SMP
@hook@
identifier wait, flags;
@@
 smp_call_function_many_cond(...)
 {
 ...
 bool wait = flags & SCF_WAIT;
+void *request = NULL;
 ... when any
 lockdep_assert_preemption_disabled();
+if (slab_is_available())
+	request = kmalloc(sizeof(call_single_data_t), GFP_ATOMIC);
+if (!request && slab_is_available())
+	wait = true;
+kfree(request);
 ...
 }

@depends on hook@
@@
 #include <linux/cpu.h>
+#include <linux/slab.h>
