// SPDX-License-Identifier: Apache-2.0
// lkd's HTTP server: health, reports, webhooks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "support/status.h"

namespace lk::http {

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  std::map<std::string, std::string> headers = {};  // in addition to those in every response
};
// GET handlers by path. Called concurrently on the server's threads; must be quick.
using Routes = std::map<std::string, std::function<Response()>>;

// GET handlers by path prefix, which ends in "/". Called with the rest of the path, which contains no further "/".
using Folders = std::map<std::string, std::function<Response(const std::string& name)>>;

// /reports/campaigns/<id>: a campaign's report, as `write` returns it. 404 if `write` returns NOT_FOUND or
// FAILED_PRECONDITION; 503 for its other errors, and while too many reports are being written.
Folders ReportFolders(std::function<StatusOr<std::string>(const std::string& id)> write);

struct Request {
  std::map<std::string, std::string> headers;  // names in lower case; repeated headers are joined with ", "
  std::string body;                            // complete and unchanged
};
// POST handlers by path; called like GET handlers. A request without an acceptable body (incomplete, larger than
// Options::max_body_bytes, compressed or multipart) gets a 400, 413 or 415, and no handler is called.
using PostRoutes = std::map<std::string, std::function<Response(const Request&)>>;

// /healthz: 200 as long as lkd responds at all. /readyz: 200, or 503 with the error from `ready` in the body.
Routes HealthRoutes(std::function<Status()> ready);

struct Options {
  // host:port; port 0 means any free one.
  std::string listen;
  Routes routes;
  Folders folders = {};
  PostRoutes posts = {};
  size_t max_body_bytes = 64 << 10;
  // A slow client occupies a thread for seconds; health checks must still find a free one.
  size_t threads = 16;
};

class Server {
 public:
  // The server is listening when this returns. Errors: INVALID_ARGUMENT (not host:port); UNAVAILABLE (cannot listen on
  // the address, for example because the port is in use).
  static StatusOr<std::unique_ptr<Server>> Start(const Options& options);
  // Finishes the requests in progress first.
  virtual ~Server() = default;

  // The actual port.
  virtual uint16_t port() const = 0;
};

}  // namespace lk::http
