// SPDX-License-Identifier: GPL-2.0
// Removes the mutex, so that the second caller finds the kexec lock taken and gives up. Linux 6.6 to 6.9 call the second
// function crash_check_update_elfcorehdr().
// Files: kernel/crash_core.c
// Config: CRASH_HOTPLUG
@@
@@
 crash_handle_hotplug_event(...)
 {
 <+...
(
-crash_hotplug_lock();
|
-crash_hotplug_unlock();
)
 ...+>
 }

@@
identifier check =~ "^crash_check_(hotplug_support|update_elfcorehdr)$";
@@
 check(...)
 {
 <+...
(
-crash_hotplug_lock();
|
-crash_hotplug_unlock();
)
 ...+>
 }
