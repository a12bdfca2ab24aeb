// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/status.h"

namespace lk::vm::libvirt {

// QEMU writes a kdump file to a pipe in makedumpfile's flattened format: a header of 4 KiB, then blocks, each preceded
// by its offset and size (big-endian), then a block whose offset and size are -1 (makedumpfile(8), -F; QEMU
// dump/dump.c). Reads such a file from `from` and writes the blocks at their offsets in `to`, a regular file.
// Errors: DATA_LOSS (a different format, or truncated), those of read(2) and pwrite(2).
Status Unflatten(int from, int to);

}  // namespace lk::vm::libvirt
