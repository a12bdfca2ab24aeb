// SPDX-License-Identifier: GPL-2.0
// The header is not updated when memory comes online.
// Files: kernel/crash_core.c
// Config: CRASH_HOTPLUG
@@
@@
 crash_memhp_notifier(...)
 {
 <+...
-crash_handle_hotplug_event(KEXEC_CRASH_HP_ADD_MEMORY, ...);
 ...+>
 }
