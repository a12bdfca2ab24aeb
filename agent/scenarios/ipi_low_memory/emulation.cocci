// SPDX-License-Identifier: GPL-2.0
// The kernel changes MTRRs through stop_machine() today. For the contract to be tested, that a cross-CPU call that was
// not asked to wait does not wait, the change goes through such calls again (emulation.c).
// Files: arch/x86/kernel/cpu/mtrr/mtrr.c
// Config: MTRR
@hook@
identifier set =~ "^set_mtrr(_cpuslocked)?$";
expression function, data, mask;
@@
 set(...)
 {
 <+...
-stop_machine_cpuslocked(function, data, mask);
+if (!lk_rendezvous(function, data))
+	stop_machine_cpuslocked(function, data, mask);
 ...+>
 }

@depends on hook@
@@
 #include <linux/stop_machine.h>
+#include <linux/lk_ipi_low_memory.h>
