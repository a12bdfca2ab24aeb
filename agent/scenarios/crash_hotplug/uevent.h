// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::crash_hotplug {

// A uevent for a memory block or a CPU: ACTION, and the number in DEVPATH=/devices/system/memory/memory<N> or
// /devices/system/cpu/cpu<N>.
struct HotplugEvent {
  enum class Device { kMemoryBlock, kCpu };
  Device device = Device::kMemoryBlock;
  std::string action;  // add, remove, online, offline, change
  unsigned number = 0;
};

// Parses a message from the kernel's uevent socket: "<action>@<path>" followed by "KEY=value" strings, each terminated
// by a zero byte (lib/kobject_uevent.c). Returns nothing if the message is not about a memory block or CPU, or not from
// the kernel.
std::optional<HotplugEvent> ParseUevent(std::string_view message);

// Receives uevents for memory blocks and CPUs in the same way as udev: NETLINK_KOBJECT_UEVENT, group 1.
class UeventSocket {
 public:
  // Errors: those of socket(2) and bind(2).
  static StatusOr<UeventSocket> Open();
  // Returns the next such event. Returns nothing if there was none within `timeout_ms`, or if the socket holds other
  // events.
  std::optional<HotplugEvent> Next(int timeout_ms);

 private:
  explicit UeventSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace lk::agent::crash_hotplug
