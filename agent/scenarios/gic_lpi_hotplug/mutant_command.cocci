// SPDX-License-Identifier: GPL-2.0
// Does not tell the ITS about every eighth command while a CPU is offline.
// Files: drivers/irqchip/irq-gic-v3-its.c
// Config: ARM_GIC_V3_ITS
@@
identifier node;
expression value;
@@
+static unsigned int commands_while_offline;
+
 static struct its_cmd_block *its_post_commands(struct its_node *node)
 {
 <+...
-writel_relaxed(value, node->base + GITS_CWRITER);
+if (cpumask_equal(cpu_online_mask, cpu_present_mask) || system_state != SYSTEM_RUNNING || ++commands_while_offline % 8)
+	writel_relaxed(value, node->base + GITS_CWRITER);
 ...+>
 }
