// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/address.h"

#include <gtest/gtest.h>

namespace lk::webhooks {
namespace {

bool Public(const std::string& text) {
  return IsPublic(ParseIpAddress(text).value());
}

TEST(Address, RecognisesPublicAddresses) {
  for (const char* text : {"1.1.1.1", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                           "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255", "2606:4700::1111",
                           "2a00:1450:4001:81b::200e", "2001:4860:4860::8888"}) {
    EXPECT_TRUE(Public(text)) << text;
  }
}

TEST(Address, RecognisesNonPublicAddresses) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        // IPv6: unspecified, loopback, link-local, unique local, site-local, multicast, documentation
        "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1",
        // forms of an IPv4 address: mapped, compatible, translated, NAT64, 6to4, Teredo
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "2002:7f00:1::", "2001::1"}) {
    EXPECT_FALSE(Public(text)) << text;
  }
}

TEST(Address, AcceptsOnlyStandardNotation) {
  for (const char* text : {"", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "127.0.0.1.", " 127.0.0.1",
                           "fe80::1%lo", "[::1]", "localhost"}) {
    EXPECT_FALSE(ParseIpAddress(text).ok()) << text;
  }
  EXPECT_EQ(ParseIpAddress("::FFFF:7f00:1").value().ToString(), "::ffff:127.0.0.1");
}

TEST(Address, SystemResolverAcceptsOtherNotations) {
  // For this reason, the resolved addresses are checked, not the text of the URL.
  for (const char* host : {"127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"}) {
    const auto addresses = SystemResolve(host);
    ASSERT_TRUE(addresses.ok()) << host << ": " << addresses.status();
    for (const IpAddress& address : *addresses) EXPECT_FALSE(IsPublic(address)) << host << " " << address.ToString();
  }
}

}  // namespace
}  // namespace lk::webhooks
