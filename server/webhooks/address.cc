// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace lk::webhooks {
namespace {

struct Network {
  const char* address;
  int bits;
};

// Not globally reachable: https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast (RFC 5771).
constexpr std::array<Network, 15> kIpv4 = {{{"0.0.0.0", 8},
                                            {"10.0.0.0", 8},
                                            {"100.64.0.0", 10},
                                            {"127.0.0.0", 8},
                                            {"169.254.0.0", 16},
                                            {"172.16.0.0", 12},
                                            {"192.0.0.0", 24},
                                            {"192.0.2.0", 24},
                                            {"192.88.99.0", 24},
                                            {"192.168.0.0", 16},
                                            {"198.18.0.0", 15},
                                            {"198.51.100.0", 24},
                                            {"203.0.113.0", 24},
                                            {"224.0.0.0", 4},
                                            {"240.0.0.0", 4}}};

// Global unicast is 2000::/3 (https://www.iana.org/assignments/ipv6-address-space). Within it, the networks in kIpv6
// are unreachable or lead to an IPv4 address: Teredo and other protocol assignments, documentation, 6to4.
constexpr Network kGlobalUnicast = {"2000::", 3};
constexpr std::array<Network, 4> kIpv6 = {{{"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20}}};

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

bool In(const IpAddress& address, const Network& network) {
  std::array<uint8_t, 16> prefix{};
  if (inet_pton(address.v6 ? AF_INET6 : AF_INET, network.address, prefix.data()) != 1) return false;
  const auto whole = static_cast<size_t>(network.bits / 8);
  if (!std::equal(prefix.begin(), prefix.begin() + whole, address.bytes.begin())) return false;
  const int rest = network.bits % 8;
  return rest == 0 || (prefix[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
}

}  // namespace

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

StatusOr<IpAddress> FromSockaddr(const sockaddr* address) {
  IpAddress ip;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof(v4));
    std::memcpy(ip.bytes.data(), &v4.sin_addr, 4);
    return ip;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof(v6));
    ip.v6 = true;
    std::memcpy(ip.bytes.data(), &v6.sin6_addr, 16);
    return ip;
  }
  return absl::InvalidArgumentError(fmt::format("address family {} is neither IPv4 nor IPv6", address->sa_family));
}

StatusOr<IpAddress> ParseIpAddress(const std::string& text) {
  IpAddress ip;
  ip.v6 = text.find(':') != std::string::npos;
  if (inet_pton(ip.v6 ? AF_INET6 : AF_INET, text.c_str(), ip.bytes.data()) == 1) return ip;
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not an IP address", text));
}

bool IsPublic(const IpAddress& address) {
  const auto within = [&address](const Network& network) { return In(address, network); };
  if (!address.v6) return std::none_of(kIpv4.begin(), kIpv4.end(), within);
  return within(kGlobalUnicast) && std::none_of(kIpv6.begin(), kIpv6.end(), within);
}

StatusOr<std::vector<IpAddress>> SystemResolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error == EAI_NONAME) return absl::NotFoundError(fmt::format("{}: no such host", host));
  if (error != 0) return absl::UnavailableError(fmt::format("{}: {}", host, gai_strerror(error)));
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  std::vector<IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (const StatusOr<IpAddress> ip = FromSockaddr(entry->ai_addr); ip.ok()) addresses.push_back(*ip);
  }
  return addresses;
}

}  // namespace lk::webhooks
