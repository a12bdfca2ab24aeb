// SPDX-License-Identifier: GPL-2.0
// kexec_crash_size cannot be read while a crash kernel is loaded, as it cannot be written then.
// Files: kernel/ksysfs.c
@@
@@
 kexec_crash_size_show(...)
 {
 <+...
+if (kexec_crash_loaded())
+	return -ENOENT;
 return \(sysfs_emit\|sprintf\)(...);
 ...+>
 }
