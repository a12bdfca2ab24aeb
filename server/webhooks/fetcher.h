// SPDX-License-Identifier: Apache-2.0
// Files from elsewhere, to places that strangers name: over https, from origins that the configuration allows, and from
// no address that is not public, by whatever name, redirect or notation one is led there.
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
  // Errors: FAILED_PRECONDITION (a token file, an origin that is no URL).
  static StatusOr<Fetcher> Create(const config::Webhooks::Artifacts& config, Resolver resolver);

  // Writes what is at `url` to `file`, which is new. `sha256` ("": any) is what it must be. Stops soon when `stop`
  // becomes true. Errors: PERMISSION_DENIED (origin not allowed, here or where a redirect leads; an address that is not
  // public; bad certificate); INVALID_ARGUMENT (no https URL); DATA_LOSS (other checksum); RESOURCE_EXHAUSTED (larger
  // than allowed); NOT_FOUND (404 and other 4xx); UNAVAILABLE (may pass: no connection, too slow, 5xx, disk full);
  // CANCELLED.
  Status Fetch(const std::string& url, const std::filesystem::path& file, const std::string& sha256,
               const std::atomic<bool>& stop) const;

  // Where `url` may be fetched: the addresses of its host, all of them good. One step of Fetch, without a connection.
  // Errors: as of Fetch.
  StatusOr<std::vector<IpAddress>> Check(const std::string& url) const;

 private:
  struct Origin {
    std::string origin;  // as of Url::origin
    bool private_addresses = false;
    Secrets token;  // none or one
  };

  Fetcher(config::Webhooks::Artifacts config, std::vector<Origin> origins, Resolver resolver)
      : config_(std::move(config)), origins_(std::move(origins)), resolver_(std::move(resolver)) {}

  StatusOr<const Origin*> Allowed(const Url& url) const;
  StatusOr<std::vector<IpAddress>> Addresses(const Url& url, const Origin& origin) const;
  // One request. Gives where it redirects to, or "" when the file is there.
  StatusOr<std::string> Once(const Url& url, Sink& sink, absl::Time deadline) const;

  config::Webhooks::Artifacts config_;
  std::vector<Origin> origins_;
  Resolver resolver_;
};

}  // namespace lk::webhooks
