// SPDX-License-Identifier: GPL-2.0
// Removes the mutex, so that the second caller finds the kexec lock taken and gives up.
// Files: kernel/crash_core.c
// Config: CRASH_HOTPLUG
@@
identifier handler =~ "^crash_(check_hotplug_support|handle_hotplug_event)$";
@@
 handler(...)
 {
 <+...
(
-crash_hotplug_lock();
|
-crash_hotplug_unlock();
)
 ...+>
 }
