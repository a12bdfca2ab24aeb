// SPDX-License-Identifier: GPL-2.0
// The hotplug callback fails after it has handled the event, which keeps the CPU offline. It is registered after the
// CPUs have been brought up at boot.
// Files: kernel/crash_core.c
// Config: CRASH_HOTPLUG
@@
@@
 crash_cpuhp_online(...)
 {
 ...
-return 0;
+return -EBUSY;
 }
