// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/status.h"

namespace lk::vm::libvirt {

// QEMU writes a kdump file to a pipe in makedumpfile's flattened format: a header of 4 KiB, then blocks, each with the
// offset it belongs to and its size (big-endian), then a block of offset and size -1 (makedumpfile(8), -F; QEMU
// dump/dump.c). Reads one from `from` to its end and puts the blocks where they belong in `to`, a regular file.
// Errors: DATA_LOSS (not that format, or cut short), what read(2) and pwrite(2) say.
Status Unflatten(int from, int to);

}  // namespace lk::vm::libvirt
