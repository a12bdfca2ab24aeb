// SPDX-License-Identifier: Apache-2.0
// Requests to those who are told of campaigns.
#pragma once

#include <absl/time/time.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::webhooks {

struct PostRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"; may hold secrets, never to be logged
  std::string body;                  // JSON
};

struct PostReply {
  uint32_t status = 0;
  std::optional<absl::Duration> retry_after;  // where it is given in seconds
};

// Injected, so that tests own what receivers say.
class Transport {
 public:
  virtual ~Transport() = default;
  // Any answer is OK; its body is not kept. Errors: UNAVAILABLE (none came), PERMISSION_DENIED (bad certificate),
  // CANCELLED.
  virtual StatusOr<PostReply> Post(const PostRequest& request) = 0;
};

// By libcurl: https, or http where a URL says so (the configuration takes that on the loopback only). Redirects are not
// followed. Requests end soon when `stop` becomes true.
std::unique_ptr<Transport> NewTransport(const std::filesystem::path& ca_file, absl::Duration timeout,
                                        const std::atomic<bool>& stop);

}  // namespace lk::webhooks
