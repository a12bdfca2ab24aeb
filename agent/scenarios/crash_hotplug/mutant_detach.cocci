// SPDX-License-Identifier: GPL-2.0
// ACPI takes a memory block that is offline already (a result of 1) for one that cannot go offline.
// Files: drivers/acpi/scan.c
@@
identifier ret;
@@
 acpi_bus_offline(...)
 {
 <+...
-if (ret >= 0)
+if (!ret)
 { ... } else { ... }
 ...+>
 }
