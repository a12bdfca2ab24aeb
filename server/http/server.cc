// SPDX-License-Identifier: Apache-2.0
#include "server/http/server.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/ascii.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <semaphore>
#include <thread>
#include <vector>

#include "support/mutex.h"

namespace lk::http {
namespace {

constexpr size_t kMaxWaiting = 256;
constexpr time_t kTimeoutSeconds = 5;

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
    return absl::InvalidArgumentError(fmt::format("invalid address \"{}\" (expected host:port)", listen));
  }
  address.host = listen.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

// Like the library's thread pool, but with a bounded queue; when it is full, connections wait in the kernel's backlog.
class Connections final : public httplib::TaskQueue {
 public:
  explicit Connections(size_t threads) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  void enqueue(std::function<void()> connection) override {
    const MutexLock lock(&mutex_);
    const auto room = [this] {
      mutex_.AssertHeld();
      return waiting_.size() < kMaxWaiting;
    };
    mutex_.Await(absl::Condition(&room));
    waiting_.push_back(std::move(connection));
  }
  // Queued connections are still served.
  void shutdown() override {
    {
      const MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    while (true) {
      std::function<void()> connection;
      {
        const MutexLock lock(&mutex_);
        const auto something = [this] {
          mutex_.AssertHeld();
          return stopping_ || !waiting_.empty();
        };
        mutex_.Await(absl::Condition(&something));
        if (waiting_.empty()) return;
        connection = std::move(waiting_.front());
        waiting_.pop_front();
      }
      connection();
    }
  }

  Mutex mutex_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

void Give(Response answer, httplib::Response& response) {
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
  // Browsers must not guess the content type, and other pages must not embed the response.
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("X-Frame-Options", "DENY");
  response.set_header("Content-Type", answer.content_type);
  response.body = std::move(answer.body);
}

std::map<std::string, std::string> Headers(const httplib::Request& request) {
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers) {
    const auto [it, added] = headers.try_emplace(absl::AsciiStrToLower(name), value);
    if (!added) it->second += ", " + value;
  }
  return headers;
}

// Reads the body itself, since the library decompresses bodies and does not limit the size of chunked ones.
Response Answer(const httplib::Request& request, const httplib::ContentReader& read, size_t most_bytes,
                const std::function<Response(const Request&)>& handler) {
  if (request.has_header("Content-Encoding")) return {.status = 415, .body = "compressed bodies are not accepted\n"};
  if (request.is_multipart_form_data()) return {.status = 415, .body = "multipart bodies are not accepted\n"};
  Request taken{.headers = Headers(request), .body = {}};
  // If Content-Length is too large, the library itself reads and discards the body.
  bool large = request.get_header_value<uint64_t>("Content-Length") > most_bytes;
  const bool complete = read([&](const char* data, size_t size) {
    large = large || size > most_bytes - taken.body.size();
    if (!large) taken.body.append(data, size);
    return !large;
  });
  if (large) return {.status = 413, .body = fmt::format("the body is larger than {} bytes\n", most_bytes)};
  if (!complete) return {.status = 400, .body = "incomplete body\n"};
  return handler(taken);
}

class HttplibServer final : public Server {
 public:
  explicit HttplibServer(const Options& options) {
    server_.new_task_queue = [threads = options.threads] { return new Connections(threads); };
    // A persistent connection would occupy its thread.
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_payload_max_length(options.max_body_bytes);
    // The library's default, SO_REUSEPORT, would share the port with another lkd instead of failing.
    server_.set_socket_options([this](socket_t socket) {
      listener_ = socket;
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    });
    for (const auto& [path, handler] : options.routes) {
      server_.Get(path, [handler = handler](const httplib::Request&, httplib::Response& response) {
        Give(handler(), response);
      });
    }
    for (const auto& [path, handler] : options.folders) {
      server_.Get(path + "([^/]+)", [handler = handler](const httplib::Request& request, httplib::Response& response) {
        Give(handler(request.matches[1].str()), response);
      });
    }
    for (const auto& [path, handler] : options.posts) {
      server_.Post(
          path, [handler = handler, most = options.max_body_bytes](
                    const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& read) {
            Give(Answer(request, read, most, handler), response);
          });
    }
  }

  ~HttplibServer() override {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  Status Listen(const std::string& listen_on) {
    LK_ASSIGN_OR_RETURN(const Address address, ParseAddress(listen_on));
    errno = 0;
    const int port = address.port != 0 ? (server_.bind_to_port(address.host, address.port) ? address.port : -1)
                                       : server_.bind_to_any_port(address.host);
    if (port < 0) {
      const char* reason = errno != 0 ? std::strerror(errno) : "no such address";
      return absl::UnavailableError(fmt::format("cannot listen on {}: {}", listen_on, reason));
    }
    // The library's backlog is 5; a sixth simultaneous client would retry a second later (net.ipv4.tcp_syn_retries).
    if (listen(listener_, SOMAXCONN) != 0) {
      return absl::UnavailableError(fmt::format("cannot listen on {}: {}", listen_on, std::strerror(errno)));
    }
    port_ = static_cast<uint16_t>(port);
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
    // stop() has no effect before the server is running.
    while (!server_.is_running() && !ended_) std::this_thread::yield();
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

 private:
  httplib::Server server_;
  socket_t listener_ = -1;
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
  // Each report keeps a campaign in memory and occupies a thread that health checks need.
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
