// SPDX-License-Identifier: GPL-2.0
// Makes the onlining of a CPU allocate memory and, if the allocation fails, leave CPU hotplug disabled.
// Files: kernel/cpu.c
// Config: HOTPLUG_CPU
@hook@
identifier up =~ "^(do_)?cpu_up$";
statement S;
@@
 up(...)
 {
 <+...
+{
+	void *request = kmalloc(64, GFP_ATOMIC);
+
+	if (!request)
+		cpu_hotplug_disabled++;
+	kfree(request);
+}
 if (cpu_hotplug_disabled) S
 ...+>
 }
