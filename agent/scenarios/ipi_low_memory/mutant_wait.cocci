// SPDX-License-Identifier: GPL-2.0
// Makes a cross-CPU call allocate its request again and, if the allocation fails, wait for the handlers even if it was
// asked not to. Kernels before 5.7 also allocate in on_each_cpu_cond() and, if that fails, call one CPU after the other:
// that waits, too.
// Files: kernel/smp.c
// Config: SMP
@hook@
identifier many =~ "^smp_call_function_many(_cond)?$";
symbol cfd;
expression E;
@@
 many(...)
 {
 <+...
+{
+	void *request = kmalloc(sizeof(call_single_data_t), GFP_ATOMIC);
+
+	if (!request)
+		wait = true;
+	kfree(request);
+}
 cfd = E;
 ...+>
 }

@depends on hook@
identifier cond =~ "^on_each_cpu_cond(_mask)?$";
expression cpu, func, info;
symbol wait;
@@
 cond(...)
 {
 <...
 smp_call_function_single(cpu, func, info,
-wait
+true
 )
 ...>
 }

@depends on hook@
@@
 #include <linux/cpu.h>
+#include <linux/slab.h>
