// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::crash_hotplug {

// A uevent for a memory block: ACTION, and the number in DEVPATH=/devices/system/memory/memory<N>.
struct MemoryEvent {
  std::string action;  // add, remove, online, offline, change
  unsigned block = 0;
};

// Parses a message from the kernel's uevent socket: "<action>@<path>" followed by "KEY=value" strings, each terminated
// by a zero byte (lib/kobject_uevent.c). Returns nothing if the message is not about a memory block or not from
// the kernel.
std::optional<MemoryEvent> ParseUevent(std::string_view message);

// Receives uevents for memory blocks in the same way as udev: NETLINK_KOBJECT_UEVENT, group 1.
class UeventSocket {
 public:
  // Errors: those of socket(2) and bind(2).
  static StatusOr<UeventSocket> Open();
  // Returns the next event for a memory block, or nothing if there was none within `timeout_ms`.
  std::optional<MemoryEvent> Next(int timeout_ms);

 private:
  explicit UeventSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace lk::agent::crash_hotplug
