// SPDX-License-Identifier: GPL-2.0
// Today's kernels change MTRRs through stop_machine(). Makes changes go through cross-CPU calls again, to test that a
// cross-CPU call that was not asked to wait does not wait (harness.c).
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
+#include <linux/lk_ipi_low_memory_harness.h>
