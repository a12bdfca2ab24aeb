// SPDX-License-Identifier: Apache-2.0
// Memory blocks in sysfs (Documentation/admin-guide/mm/memory-hotplug.rst).
#pragma once

#include <cstdint>
#include <functional>

#include "support/status.h"

namespace lk::agent::crash_hotplug {

inline constexpr char kCrashHotplugAttribute[] = "/sys/devices/system/memory/crash_hotplug";

// Bytes. Error: NOT_FOUND: the kernel has no memory hotplug.
StatusOr<uint64_t> BlockSize();

// The VM has a virtio-mem device, with or without a driver.
bool HasVirtioMem();

// New blocks are to come online by themselves, and so that they can be taken away again.
Status OnlineNewBlocksMovable();

// Errors: what write(2) says: ABORTED or UNAVAILABLE (busy) when pages of the block cannot be moved; EINTR's when
// `give_up` came true meanwhile, for the kernel itself would try for ever (SIGUSR1 is used for that).
Status SetOffline(unsigned block, const std::function<bool()>& give_up);
Status SetOnline(unsigned block);

// Loads /lk/kernel as the kernel to start after a crash (kexec_file_load(2)). Errors: what the system calls say;
// FAILED_PRECONDITION: no memory was reserved for it.
Status LoadCrashKernel();

}  // namespace lk::agent::crash_hotplug
