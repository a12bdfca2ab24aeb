// SPDX-License-Identifier: GPL-2.0
// Suppresses all RCU stall warnings.
// Files: kernel/rcu/rcu.h
@@
expression suppressed;
@@
 rcu_stall_is_suppressed(...)
 {
-return suppressed;
+return true;
 }
