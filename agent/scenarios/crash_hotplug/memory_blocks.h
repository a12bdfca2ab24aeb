// SPDX-License-Identifier: Apache-2.0
// Memory blocks in sysfs (Documentation/admin-guide/mm/memory-hotplug.rst).
#pragma once

#include <cstdint>
#include <functional>

#include "support/status.h"

namespace lk::agent::crash_hotplug {

inline constexpr char kCrashHotplugAttribute[] = "/sys/devices/system/memory/crash_hotplug";

// Returns the size of a block in bytes. Error: NOT_FOUND (the kernel has no memory hotplug).
StatusOr<uint64_t> BlockSize();

// Whether the VM has a virtio-mem device, with or without a driver.
bool HasVirtioMem();

// Makes the kernel bring new blocks online automatically, as movable memory so that they can be removed again.
Status OnlineNewBlocksMovable();

// Takes a block offline. The kernel retries forever if pages of the block cannot be moved, so the call is interrupted
// (with SIGUSR1) when `give_up` returns true. Errors: those of write(2), EINTR if interrupted.
Status SetOffline(unsigned block, const std::function<bool()>& give_up);
Status SetOnline(unsigned block);

// Loads /lk/kernel as the crash kernel (kexec_file_load(2)). Errors: those of the system calls; FAILED_PRECONDITION (no
// memory is reserved for it).
Status LoadCrashKernel();

}  // namespace lk::agent::crash_hotplug
