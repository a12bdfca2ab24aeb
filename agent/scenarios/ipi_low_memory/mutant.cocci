// SPDX-License-Identifier: GPL-2.0
// A cross-CPU call allocates its request again; where that fails it waits for the handlers, asked to or not.
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
