// SPDX-License-Identifier: GPL-2.0
// Adds chunks to the free lists without accepting them.
// Files: mm/page_alloc.c
// Config: UNACCEPTED_MEMORY
@@
identifier function =~ "^(__accept_page|accept_page|try_to_accept_memory_one)$";
expression start, size;
@@
 function(...)
 {
 <+...
-accept_memory(start, size);
+if (system_state != SYSTEM_RUNNING)
+	accept_memory(start, size);
 ...+>
 }
