// SPDX-License-Identifier: Apache-2.0
// HTTP that lkd serves: health, reports, webhooks.
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
  std::map<std::string, std::string> headers = {};  // beside those that any answer has
};
// What GET answers, by path. Called on threads of the server, several at once; must be quick.
using Routes = std::map<std::string, std::function<Response()>>;

// What GET answers below a path that ends in "/": called with the rest of the path, which holds no further "/".
using Folders = std::map<std::string, std::function<Response(const std::string& name)>>;

// /reports/campaigns/<id>: a campaign's report, as `write` gives it. 404 where there is none, 503 while too many others
// are being written.
Folders ReportFolders(std::function<StatusOr<std::string>(const std::string& id)> write);

struct Request {
  std::map<std::string, std::string> headers;  // names in lower case; values of one that came twice joined by ", "
  std::string body;                            // complete, as it was sent
};
// What POST answers, by path; on threads of the server as above. A request that has no body of its own (its length is
// wrong, it is larger than Options::most_body_bytes, it is compressed) is answered with 400, 413 or 415 without it.
using PostRoutes = std::map<std::string, std::function<Response(const Request&)>>;

// /healthz: 200 as long as lkd answers at all. /readyz: 200, or 503 with the reason that `ready` gives in the body.
Routes HealthRoutes(std::function<Status()> ready);

struct Options {
  // host:port; port 0: any that is free.
  std::string listen;
  Routes routes;
  Folders folders = {};
  PostRoutes posts = {};
  size_t most_body_bytes = 64 << 10;
  // A client that is slow takes one for as long as it is (seconds); health must still find one.
  size_t threads = 16;
};

class Server {
 public:
  // Listens when it returns. Errors: INVALID_ARGUMENT (not host:port); UNAVAILABLE (the address cannot be listened on,
  // for example because its port is in use).
  static StatusOr<std::unique_ptr<Server>> Start(const Options& options);
  // Ends requests under way first.
  virtual ~Server() = default;

  // The one really listened on.
  virtual uint16_t port() const = 0;
};

}  // namespace lk::http
