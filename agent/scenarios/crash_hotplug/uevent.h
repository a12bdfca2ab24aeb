// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::crash_hotplug {

// An event of a memory block: ACTION and the number in DEVPATH=/devices/system/memory/memory<N>.
struct MemoryEvent {
  std::string action;  // add, remove, online, offline, change
  unsigned block = 0;
};

// A message of the kernel's uevent socket: "<action>@<path>", then "KEY=value", each ended by a zero byte
// (lib/kobject_uevent.c). Nothing: it is of no memory block, or not from the kernel.
std::optional<MemoryEvent> ParseUevent(std::string_view message);

// Uevents of memory blocks as udev gets them: NETLINK_KOBJECT_UEVENT, group 1.
class UeventSocket {
 public:
  // Errors: what socket(2) and bind(2) say.
  static StatusOr<UeventSocket> Open();
  // The next event of a memory block; nothing: none came within `timeout_ms`.
  std::optional<MemoryEvent> Next(int timeout_ms);

 private:
  explicit UeventSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace lk::agent::crash_hotplug
