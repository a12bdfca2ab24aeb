// SPDX-License-Identifier: Apache-2.0
#include "agent/init/config.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/init/modules.h"

namespace lk::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kComplete[] =
    "run_id=c1-2\n"
    "token=abcd\n"
    "controller=10.0.2.2:7641\n"
    "# the guest's own\n"
    "\n"
    "address=10.0.2.15/24\n"
    "gateway=10.0.2.2\n"
    "server_name=lkd";

TEST(Config, ReadsAllKeys) {
  const auto config = ParseConfig(kComplete);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run_id, "c1-2");
  EXPECT_EQ(config->token, "abcd");
  EXPECT_EQ(config->controller, "10.0.2.2:7641");
  EXPECT_EQ(config->server_name, "lkd");
  EXPECT_TRUE(config->has_address);
  EXPECT_EQ(config->address.s_addr, inet_addr("10.0.2.15"));
  EXPECT_EQ(config->prefix, 24u);
  EXPECT_EQ(config->gateway.s_addr, inet_addr("10.0.2.2"));
}

TEST(Config, AddressIsOptional) {
  const auto config = ParseConfig("run_id=r\ntoken=t\ncontroller=c:1\nserver_name=s\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->has_address);
}

TEST(Config, ReportsErrors) {
  const struct {
    const char* text;
    const char* message;
  } rows[] = {
      {"run_id=r\ntoken=t\ncontroller=c:1\n", "missing key server_name"},
      {"run_id=r\nnonsense\n", ":2: expected key=value"},
      {"run_id=r\ntokne=t\n", ":2: unknown key tokne"},
      {"address=10.0.2.15\n", "invalid address 10.0.2.15"},
      {"address=10.0.2.15/33\n", "1 to 32"},
      {"address=10.0.2.15/24x\n", "1 to 32"},
      {"gateway=lkd\n", "invalid IPv4 address lkd"},
  };
  for (const auto& [text, message] : rows) {
    const auto config = ParseConfig(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(message));
  }
}

TEST(Modules, ReturnsAbsolutePathsInLoadOrder) {
  EXPECT_THAT(ParseModuleList("lib/modules/6.1/b.ko\n\n/lib/modules/6.1/a.ko\r\nlast.ko"),
              ElementsAre("/lib/modules/6.1/b.ko", "/lib/modules/6.1/a.ko", "/last.ko"));
}

}  // namespace
}  // namespace lk::agent
