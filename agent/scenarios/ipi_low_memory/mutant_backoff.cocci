// SPDX-License-Identifier: GPL-2.0
// Makes an expedited membarrier allocate memory and, if the allocation fails, sleep for seconds.
// Files: kernel/sched/membarrier.c
// Config: MEMBARRIER
@hook@
statement S, T;
@@
 membarrier_private_expedited(...)
 {
 ... when != S
+{
+	void *request = kmalloc(64, GFP_ATOMIC);
+
+	if (!request)
+		schedule_timeout_uninterruptible(8 * HZ);
+	kfree(request);
+}
 T
 ... when any
 }
