// SPDX-License-Identifier: Apache-2.0
// IP addresses, and which of them are public.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::webhooks {

struct IpAddress {
  bool v6 = false;
  std::array<uint8_t, 16> bytes{};  // the first four for IPv4

  bool operator==(const IpAddress&) const = default;
  std::string ToString() const;
};

// Converts an address from getaddrinfo(3) or a socket callback. Error: INVALID_ARGUMENT (neither IPv4 nor IPv6).
StatusOr<IpAddress> FromSockaddr(const sockaddr* address);
// "192.0.2.1", "2001:db8::1": the forms that inet_pton(3) accepts. Error: INVALID_ARGUMENT.
StatusOr<IpAddress> ParseIpAddress(const std::string& text);

// Whether an address belongs to the public Internet. Excludes private, loopback, link-local, shared, benchmark,
// documentation, multicast and reserved addresses (the IANA special-purpose registries, RFC 6890), unique local IPv6
// addresses, and IPv6 forms of an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo), which may lead anywhere.
bool IsPublic(const IpAddress& address);

// Returns all addresses of a host name or literal address. Injected, so that tests decide what names resolve to.
using Resolver = std::function<StatusOr<std::vector<IpAddress>>(const std::string& host)>;
// getaddrinfo(3). Errors: UNAVAILABLE (no response), NOT_FOUND (no such name).
StatusOr<std::vector<IpAddress>> SystemResolve(const std::string& host);

}  // namespace lk::webhooks
