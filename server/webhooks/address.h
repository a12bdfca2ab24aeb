// SPDX-License-Identifier: Apache-2.0
// Internet addresses, and which of them are anybody's to reach.
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
  std::array<uint8_t, 16> bytes{};  // the first four of them for IPv4

  bool operator==(const IpAddress&) const = default;
  std::string ToString() const;
};

// Of what getaddrinfo(3) or a socket callback gives. Error: INVALID_ARGUMENT (neither IPv4 nor IPv6).
StatusOr<IpAddress> FromSockaddr(const sockaddr* address);
// "192.0.2.1", "2001:db8::1": the forms of inet_pton(3), nothing else. Error: INVALID_ARGUMENT.
StatusOr<IpAddress> ParseIpAddress(const std::string& text);

// Whether an address is one of the public Internet. Not: private, loopback, link-local, shared, benchmark,
// documentation, multicast and reserved ones (the IANA special-purpose registries, RFC 6890), unique local IPv6 ones,
// and IPv6 forms of an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo): what they lead to is not seen here.
bool IsPublic(const IpAddress& address);

// All addresses of a name, or of an address written down. Injected, so that tests own what names mean.
using Resolver = std::function<StatusOr<std::vector<IpAddress>>(const std::string& host)>;
// getaddrinfo(3). Errors: UNAVAILABLE (no answer), NOT_FOUND (no such name).
StatusOr<std::vector<IpAddress>> SystemResolve(const std::string& host);

}  // namespace lk::webhooks
