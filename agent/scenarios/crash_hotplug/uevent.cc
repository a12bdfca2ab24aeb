// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/uevent.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace lk::agent::crash_hotplug {

namespace {

struct Prefix {
  std::string_view path;
  HotplugEvent::Device device;
};

constexpr Prefix kPrefixes[] = {
    {"/devices/system/memory/memory", HotplugEvent::Device::kMemoryBlock},
    {"/devices/system/cpu/cpu", HotplugEvent::Device::kCpu},
};

}  // namespace

std::optional<HotplugEvent> ParseUevent(std::string_view message) {
  const std::string_view header = message.substr(0, message.find('\0'));
  const size_t at = header.find('@');
  if (at == header.npos || at == 0) return {};
  for (const auto& [prefix, device] : kPrefixes) {
    std::string_view path = header.substr(at + 1);
    if (!path.starts_with(prefix)) continue;
    path.remove_prefix(prefix.size());
    HotplugEvent event{device, std::string(header.substr(0, at)), 0};
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), event.number);
    if (error == std::errc() && end == path.data() + path.size()) return event;
  }
  return {};
}

StatusOr<UeventSocket> UeventSocket::Open() {
  UniqueFd fd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // messages from the kernel; udev sends its own to group 2
  if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return absl::ErrnoToStatus(errno, "uevent socket");
  }
  // A burst of large DIMMs causes thousands of events.
  constexpr int kBytes = 8 << 20;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBytes, sizeof kBytes);
  return UeventSocket(std::move(fd));
}

std::optional<HotplugEvent> UeventSocket::Next(int timeout_ms) {
  pollfd waiting{fd_.get(), POLLIN, 0};
  if (poll(&waiting, 1, timeout_ms) <= 0) return {};
  std::array<char, 8192> buffer;
  const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return {};
  return ParseUevent({buffer.data(), static_cast<size_t>(got)});
}

}  // namespace lk::agent::crash_hotplug
