// SPDX-License-Identifier: Apache-2.0
#include "agent/init/network.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/session/boot_time.h"
#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::agent {
namespace {

ifreq Request(const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

sockaddr Address(in_addr address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr = address;
  sockaddr generic;
  std::memcpy(&generic, &in, sizeof generic);
  return generic;
}

Status BringUp(int socket, const std::string& interface) {
  ifreq request = Request(interface);
  if (ioctl(socket, SIOCGIFFLAGS, &request) != 0) return absl::ErrnoToStatus(errno, interface);
  request.ifr_flags |= IFF_UP;
  if (ioctl(socket, SIOCSIFFLAGS, &request) != 0)
    return absl::ErrnoToStatus(errno, interface + ": cannot bring up the interface");
  return absl::OkStatus();
}

// Uses the carrier attribute, since IFF_RUNNING lags by up to a second (net/core/link_watch.c rate-limits its events).
bool HasLink(const std::string& interface) {
  const auto carrier = ReadFile("/sys/class/net/" + interface + "/carrier");
  return carrier.ok() && carrier->starts_with('1');
}

// Returns the Ethernet interface with the lowest index. Empty if there is none yet.
std::string FirstEthernet(int socket) {
  std::string name;
  struct if_nameindex* const all = if_nameindex();
  for (auto* entry = all; entry != nullptr && entry->if_index != 0 && name.empty(); ++entry) {
    ifreq request = Request(entry->if_name);
    if (ioctl(socket, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == ARPHRD_ETHER)
      name = entry->if_name;
  }
  if_freenameindex(all);
  return name;
}

// Waits for a link change (rtnetlink(7)). Returns false on timeout.
bool AwaitLinkEvent(int netlink, absl::Time deadline) {
  const auto left = absl::ToInt64Milliseconds(deadline - BootNow());
  pollfd waiting{netlink, POLLIN, 0};
  if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) return false;
  std::array<char, 8192> ignored;
  while (recv(netlink, ignored.data(), ignored.size(), MSG_DONTWAIT) > 0) {
  }
  return true;
}

Status Configure(int socket, const std::string& interface, const Config& config) {
  ifreq request = Request(interface);
  request.ifr_addr = Address(config.address);
  if (ioctl(socket, SIOCSIFADDR, &request) != 0)
    return absl::ErrnoToStatus(errno, interface + ": cannot set the address");
  request.ifr_netmask = Address({htonl(~uint32_t{0} << (32 - config.prefix))});
  if (ioctl(socket, SIOCSIFNETMASK, &request) != 0)
    return absl::ErrnoToStatus(errno, interface + ": cannot set the netmask");
  if (config.gateway.s_addr == 0) return absl::OkStatus();
  rtentry route{};
  route.rt_dst = route.rt_genmask = Address({INADDR_ANY});
  route.rt_gateway = Address(config.gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  if (ioctl(socket, SIOCADDRT, &route) != 0 && errno != EEXIST)
    return absl::ErrnoToStatus(errno, "cannot set the default route");
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::string> BringUpNetwork(const Config& config, absl::Duration timeout) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl links{};
  links.nl_family = AF_NETLINK;
  links.nl_groups = RTMGRP_LINK;
  // Subscribe before the first check, so that no event is missed.
  if (!socket || !netlink || bind(netlink.get(), reinterpret_cast<sockaddr*>(&links), sizeof links) != 0) {
    return absl::ErrnoToStatus(errno, "cannot open network sockets");
  }
  LK_RETURN_IF_ERROR(BringUp(socket.get(), "lo"));
  if (!config.has_address) return "lo";

  const absl::Time deadline = BootNow() + timeout;
  std::string interface;
  while ((interface = FirstEthernet(socket.get())).empty()) {
    if (!AwaitLinkEvent(netlink.get(), deadline))
      return absl::DeadlineExceededError("no Ethernet interface has appeared");
  }
  LK_RETURN_IF_ERROR(BringUp(socket.get(), interface));
  LK_RETURN_IF_ERROR(Configure(socket.get(), interface, config));
  while (!HasLink(interface)) {
    if (!AwaitLinkEvent(netlink.get(), deadline)) return absl::DeadlineExceededError(interface + " has no link");
  }
  return interface;
}

}  // namespace lk::agent
