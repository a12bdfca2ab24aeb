// SPDX-License-Identifier: Apache-2.0
#include "server/http/server.h"

#include <gmock/gmock.h>
#include <httplib.h>

namespace lk::http {
namespace {

using testing::HasSubstr;

Options On(const std::string& listen) {
  return {.listen = listen, .routes = HealthRoutes([] { return absl::OkStatus(); })};
}

TEST(Http, HealthAndReadinessAreTwoThings) {
  Status ready = absl::UnavailableError("no host is up");
  const auto server =
      Server::Start({.listen = "127.0.0.1:0", .routes = HealthRoutes([&ready] { return ready; })}).value();
  ASSERT_NE(server->port(), 0);
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/readyz")->status, 503);
  EXPECT_EQ(client.Get("/readyz")->body, "no host is up\n");
  ready = absl::OkStatus();
  EXPECT_EQ(client.Get("/readyz")->status, 200);
  EXPECT_EQ(client.Get("/elsewhere")->status, 404);
}

TEST(Http, PortInUseIsTold) {
  const auto first = Server::Start(On("127.0.0.1:0")).value();
  const std::string address = "127.0.0.1:" + std::to_string(first->port());
  const Status status = Server::Start(On(address)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(address + ": Address already in use"));
}

TEST(Http, PortIsFreeAfterwards) {
  uint16_t port = 0;
  {
    const auto server = Server::Start(On("127.0.0.1:0")).value();
    port = server->port();
    httplib::Client client("127.0.0.1", port);
    EXPECT_EQ(client.Get("/healthz")->status, 200);
  }
  EXPECT_TRUE(Server::Start(On("127.0.0.1:" + std::to_string(port))).ok());
}

TEST(Http, BadAddresses) {
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Server::Start(On(address)).status())) << address;
  }
  EXPECT_TRUE(absl::IsUnavailable(Server::Start(On("192.0.2.1:80")).status()));
}

}  // namespace
}  // namespace lk::http
