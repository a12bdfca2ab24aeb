// SPDX-License-Identifier: GPL-2.0
// A crash kernel whose header has been updated cannot be replaced.
// Files: kernel/kexec_core.c
// Config: CRASH_HOTPLUG
@@
@@
 kexec_load_permitted(...)
 {
 <+...
+if (kexec_crash_image && kexec_crash_image->elfcorehdr_updated)
+	return false;
 if (!capable(CAP_SYS_BOOT) || ...) { ... }
 ...+>
 }
