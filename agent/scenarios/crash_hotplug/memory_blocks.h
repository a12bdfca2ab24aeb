// SPDX-License-Identifier: Apache-2.0
// Memory blocks in sysfs (Documentation/admin-guide/mm/memory-hotplug.rst).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent::crash_hotplug {

// Returns the size of a block in bytes. Error: NOT_FOUND (the kernel has no memory hotplug).
StatusOr<uint64_t> BlockSize();

// Whether the VM has a virtio-mem device, with or without a driver.
bool HasVirtioMem();

// Sets what the kernel does with new blocks: "offline" leaves them to user space, "online_movable" brings them online
// automatically.
Status SetAutoOnline(std::string_view policy);

// Returns the state of each block that is present: online, offline or going-offline.
std::map<unsigned, std::string> BlockStates();

// Takes a block offline. The kernel retries forever if pages of the block cannot be moved, so the call is interrupted
// (with SIGUSR1) when `give_up` returns true. Errors: those of write(2), EINTR if interrupted.
Status SetOffline(unsigned block, const std::function<bool()>& give_up);
// Whether SetOffline failed for a reason that a healthy kernel may have: a page that cannot be moved (EBUSY, EAGAIN),
// or an interrupted call (EINTR).
bool MayStayOnline(const Status& refused);
// Brings a block online as movable memory, so that it can be removed again.
Status SetOnline(unsigned block);

}  // namespace lk::agent::crash_hotplug
