// SPDX-License-Identifier: Apache-2.0
// Sends requests to notification targets.
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
  std::vector<std::string> headers;  // "Name: value"; may contain secrets; must not be logged
  std::string body;                  // JSON
};

struct PostReply {
  uint32_t status = 0;
  std::optional<absl::Duration> retry_after;  // from the header Retry-After
};

// Injected, so that tests control the receivers' replies.
class Transport {
 public:
  virtual ~Transport() = default;
  // Returns OK for any HTTP response; the body is dropped. Errors: UNAVAILABLE (no response), PERMISSION_DENIED (bad
  // certificate), CANCELLED.
  virtual StatusOr<PostReply> Post(const PostRequest& request) = 0;
};

// Uses libcurl. Allows https and http; the configuration accepts http only on loopback. Does not follow redirects.
// Requests are aborted soon after `stop` becomes true.
std::unique_ptr<Transport> NewTransport(const std::filesystem::path& ca_file, absl::Duration timeout,
                                        const std::atomic<bool>& stop);

}  // namespace lk::webhooks
