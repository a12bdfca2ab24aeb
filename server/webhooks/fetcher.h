// SPDX-License-Identifier: Apache-2.0
// Downloads files from URLs that strangers can influence: only over https, only from origins that the configuration
// allows, and only from public addresses, whatever name, redirect or notation leads to them.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "server/config/webhooks.h"
#include "server/webhooks/address.h"
#include "server/webhooks/secret.h"
#include "support/status.h"

namespace lk::webhooks {

struct Sink;
struct Url;

class Fetcher {
 public:
  // Errors: FAILED_PRECONDITION (unusable token file, invalid origin).
  static StatusOr<Fetcher> Create(const config::Webhooks::Artifacts& config, Resolver resolver);

  // Downloads `url` to `file`, which must not exist, and checks the SHA-256 of the file, unless `sha256` is empty.
  // Stops soon after `stop` becomes true. Errors: PERMISSION_DENIED (the origin of `url` or of a redirect is not
  // allowed; an address is not public; bad certificate); INVALID_ARGUMENT (see ParseUrl); DATA_LOSS (wrong SHA-256);
  // RESOURCE_EXHAUSTED (larger than allowed); NOT_FOUND (no such host, too many redirects, or a status other than 200
  // and those below); UNAVAILABLE (may be temporary: no connection, too slow, 408, 429, 5xx, disk full); CANCELLED.
  Status Fetch(const std::string& url, const std::filesystem::path& file, const std::string& sha256,
               const std::atomic<bool>& stop) const;

  // Returns the addresses of the host in `url`, if all are allowed. Fetch makes the same checks before it connects.
  // Errors as above.
  StatusOr<std::vector<IpAddress>> Check(const std::string& url) const;

 private:
  struct Origin {
    std::string origin;  // as in Url::origin
    bool private_addresses = false;
    Secrets token;  // none or one
  };

  Fetcher(config::Webhooks::Artifacts config, std::vector<Origin> origins, Resolver resolver)
      : config_(std::move(config)), origins_(std::move(origins)), resolver_(std::move(resolver)) {}

  StatusOr<const Origin*> Allowed(const Url& url) const;
  StatusOr<std::vector<IpAddress>> Addresses(const Url& url, const Origin& origin) const;
  // One request. Returns the target of a redirect, or "" if the file was downloaded.
  StatusOr<std::string> Once(const Url& url, Sink& sink, absl::Time deadline) const;

  config::Webhooks::Artifacts config_;
  std::vector<Origin> origins_;
  Resolver resolver_;
};

}  // namespace lk::webhooks
