// SPDX-License-Identifier: GPL-2.0
// Fails disk reads while a CPU is offline.
// Files: drivers/block/virtio_blk.c
// Config: VIRTIO_BLK
@@
identifier status;
expression disk, request, command;
@@
 virtblk_prep_rq(...)
 {
 <+...
-status = virtblk_setup_cmd(disk, request, command);
+status = !cpumask_equal(cpu_online_mask, cpu_present_mask) && system_state == SYSTEM_RUNNING &&
+	req_op(request) == REQ_OP_READ ? BLK_STS_IOERR : virtblk_setup_cmd(disk, request, command);
 ...+>
 }
