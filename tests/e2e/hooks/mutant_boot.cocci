// SPDX-License-Identifier: GPL-2.0
// Panics while booting: a mutant that fails before the trigger begins.
// Files: init/main.c
@@
@@
 kernel_init(...)
 {
 <+...
+panic("panics at boot");
 system_state = SYSTEM_RUNNING;
 ...+>
 }
