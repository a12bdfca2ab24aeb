// SPDX-License-Identifier: Apache-2.0
#include "server/http/server.h"

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <semaphore>
#include <thread>

namespace lk::http {
namespace {

constexpr size_t kThreads = 4;
constexpr time_t kTimeoutSeconds = 5;
constexpr size_t kMaxBodyBytes = 64 << 10;

struct Address {
  std::string host;
  uint16_t port = 0;
};

StatusOr<Address> ParseAddress(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  Address address;
  const char* const end = listen.data() + listen.size();
  const char* const digits = colon == listen.npos ? end : listen.data() + colon + 1;
  const auto [rest, error] = std::from_chars(digits, end, address.port);
  if (error != std::errc() || rest != end) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is not host:port", listen));
  }
  address.host = listen.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

class HttplibServer final : public Server {
 public:
  explicit HttplibServer(const Options& options) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_payload_max_length(kMaxBodyBytes);
    // The library's default, SO_REUSEPORT, would share the port with another lkd instead of failing.
    server_.set_socket_options([](socket_t socket) {
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    });
    for (const auto& [path, handler] : options.routes) {
      server_.Get(path, [handler = handler](const httplib::Request&, httplib::Response& response) {
        Send(handler(), response);
      });
    }
    for (const auto& [path, handler] : options.folders) {
      server_.Get(path + "([^/]+)", [handler = handler](const httplib::Request& request, httplib::Response& response) {
        Send(handler(request.matches[1].str()), response);
      });
    }
  }

  ~HttplibServer() override {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  Status Listen(const std::string& listen) {
    LK_ASSIGN_OR_RETURN(const Address address, ParseAddress(listen));
    errno = 0;
    const int port = address.port != 0 ? (server_.bind_to_port(address.host, address.port) ? address.port : -1)
                                       : server_.bind_to_any_port(address.host);
    if (port < 0) {
      const char* reason = errno != 0 ? std::strerror(errno) : "no such address";
      return absl::UnavailableError(fmt::format("cannot listen on {}: {}", listen, reason));
    }
    port_ = static_cast<uint16_t>(port);
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
    // Before it runs, stop() has no effect.
    while (!server_.is_running() && !ended_) std::this_thread::yield();
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

 private:
  static void Send(const Response& answer, httplib::Response& response) {
    response.status = answer.status;
    for (const auto& [name, value] : answer.headers) response.set_header(name, value);
    // Nobody guesses what it is, and no other page embeds it.
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("X-Frame-Options", "DENY");
    response.set_content(answer.body, answer.content_type);
  }

  httplib::Server server_;
  uint16_t port_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace

Routes HealthRoutes(std::function<Status()> ready) {
  return {{"/healthz", [] { return Response{.status = 200, .body = "ok\n"}; }},
          {"/readyz", [ready = std::move(ready)] {
             const Status status = ready();
             if (status.ok()) return Response{.status = 200, .body = "ready\n"};
             return Response{.status = 503, .body = std::string(status.message()) + "\n"};
           }}};
}

Folders ReportFolders(std::function<StatusOr<std::string>(const std::string& id)> write) {
  // Each holds a campaign in memory, and a thread that others need for their health.
  constexpr std::ptrdiff_t kAtOnce = 2;
  const auto room = std::make_shared<std::counting_semaphore<kAtOnce>>(kAtOnce);
  return {{"/reports/campaigns/", [write = std::move(write), room](const std::string& id) {
             if (!room->try_acquire()) {
               return Response{.status = 503,
                               .body = "other reports are being written; try again\n",
                               .headers = {{"Retry-After", "1"}}};
             }
             const absl::Cleanup release = [&] { room->release(); };
             StatusOr<std::string> report = write(id);
             if (report.ok()) {
               return Response{.status = 200,
                               .body = *std::move(report),
                               .content_type = "text/html; charset=utf-8",
                               .headers = {{"Cache-Control", "no-store"},
                                           {"Content-Security-Policy",
                                            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}}};
             }
             const bool client = absl::IsNotFound(report.status()) || absl::IsFailedPrecondition(report.status());
             return Response{.status = client ? 404 : 503, .body = std::string(report.status().message()) + "\n"};
           }}};
}

StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options) {
  auto server = std::make_unique<HttplibServer>(options);
  LK_RETURN_IF_ERROR(server->Listen(options.listen));
  return server;
}

}  // namespace lk::http
