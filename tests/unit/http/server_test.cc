// SPDX-License-Identifier: Apache-2.0
#include "server/http/server.h"

#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

namespace lk::http {
namespace {

using testing::HasSubstr;

Options On(const std::string& listen) {
  return {.listen = listen, .routes = HealthRoutes([] { return absl::OkStatus(); })};
}

TEST(Http, HealthAndReadinessAreIndependent) {
  std::atomic<bool> up = false;
  const auto ready = [&up] { return up ? absl::OkStatus() : absl::UnavailableError("no host is up"); };
  const auto server = Server::Start({.listen = "127.0.0.1:0", .routes = HealthRoutes(ready)}).value();
  ASSERT_NE(server->port(), 0);
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/readyz")->status, 503);
  EXPECT_EQ(client.Get("/readyz")->body, "no host is up\n");
  up = true;
  EXPECT_EQ(client.Get("/readyz")->status, 200);
  EXPECT_EQ(client.Get("/elsewhere")->status, 404);
}

TEST(Http, ReportsAreServedUnderTheirPath) {
  const auto write = [](const std::string& id) -> StatusOr<std::string> {
    if (id != "c0abc") return absl::NotFoundError("no campaign \"" + id + "\"");
    return std::string("<!DOCTYPE html>");
  };
  const auto server = Server::Start({.listen = "127.0.0.1:0", .routes = {}, .folders = ReportFolders(write)}).value();
  httplib::Client client("127.0.0.1", server->port());
  const auto report = client.Get("/reports/campaigns/c0abc");
  EXPECT_EQ(report->status, 200);
  EXPECT_EQ(report->body, "<!DOCTYPE html>");
  EXPECT_EQ(report->get_header_value("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(report->get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(report->get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(client.Get("/reports/campaigns/c1")->status, 404);
  EXPECT_EQ(client.Get("/reports/campaigns/c1")->body, "no campaign \"c1\"\n");
  for (const char* path : {"/reports/campaigns/", "/reports/campaigns", "/reports/campaigns/c0abc/x"}) {
    EXPECT_EQ(client.Get(path)->status, 404) << path;
  }
}

TEST(Http, LimitsConcurrentReports) {
  absl::Notification both, go;
  std::atomic<int> writing = 0;
  const auto write = [&](const std::string&) -> StatusOr<std::string> {
    if (++writing == 2) both.Notify();
    go.WaitForNotification();
    return std::string("done");
  };
  const auto server = Server::Start({.listen = "127.0.0.1:0", .routes = {}, .folders = ReportFolders(write)}).value();
  const auto get = [&] {
    httplib::Client client("127.0.0.1", server->port());
    client.set_read_timeout(std::chrono::minutes(1));  // the first two requests wait for the third
    return client.Get("/reports/campaigns/c1")->status;
  };
  auto first = std::async(std::launch::async, get);
  auto second = std::async(std::launch::async, get);
  both.WaitForNotification();
  EXPECT_EQ(get(), 503);
  go.Notify();
  EXPECT_EQ(first.get(), 200);
  EXPECT_EQ(second.get(), 200);
  EXPECT_EQ(get(), 200);
}

TEST(Http, PortInUseIsReported) {
  const auto first = Server::Start(On("127.0.0.1:0")).value();
  const std::string address = "127.0.0.1:" + std::to_string(first->port());
  const Status status = Server::Start(On(address)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(address + ": Address already in use"));
}

TEST(Http, PortIsFreeAfterShutdown) {
  uint16_t port = 0;
  {
    const auto server = Server::Start(On("127.0.0.1:0")).value();
    port = server->port();
    httplib::Client client("127.0.0.1", port);
    EXPECT_EQ(client.Get("/healthz")->status, 200);
  }
  EXPECT_TRUE(Server::Start(On("127.0.0.1:" + std::to_string(port))).ok());
}

TEST(Http, SlowClientsDoNotDelayHealthChecks) {
  absl::Notification go;
  Options options = On("127.0.0.1:0");
  options.posts["/slow"] = [&go](const Request& request) {
    go.WaitForNotification();
    return Response{.status = 200, .body = request.body};
  };
  const auto server = Server::Start(options).value();
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([port = server->port()] {
      httplib::Client client("127.0.0.1", port);
      client.set_read_timeout(std::chrono::minutes(1));
      EXPECT_EQ(client.Post("/slow", "body", "text/plain")->body, "body");
    });
  }
  httplib::Client client("127.0.0.1", server->port());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Get("/healthz")->status, 200);
  go.Notify();
  for (std::thread& thread : clients) thread.join();
}

TEST(Http, BodiesAreCompleteOrRejected) {
  Options options = On("127.0.0.1:0");
  options.max_body_bytes = 8;
  options.posts["/echo"] = [](const Request& request) {
    return Response{.status = 200,
                    .body = request.body + request.headers.at("x-name"),
                    .content_type = "text/plain",
                    .headers = {{"X-Answer", "yes"}}};
  };
  const auto server = Server::Start(options).value();
  httplib::Client client("127.0.0.1", server->port());
  const httplib::Headers headers = {{"X-Name", "!"}};
  const httplib::Result good = client.Post("/echo", headers, "12345678", "text/plain");
  EXPECT_EQ(good->body, "12345678!");
  EXPECT_EQ(good->get_header_value("X-Answer"), "yes");
  EXPECT_EQ(client.Post("/echo", headers, "123456789", "text/plain")->status, 413);
  EXPECT_EQ(client.Post("/other", headers, "1", "text/plain")->status, 404);
}

TEST(Http, RefusesBadAddresses) {
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Server::Start(On(address)).status())) << address;
  }
  EXPECT_TRUE(absl::IsUnavailable(Server::Start(On("192.0.2.1:80")).status()));
}

}  // namespace
}  // namespace lk::http
