// SPDX-License-Identifier: Apache-2.0
// POST /hooks/v1/{github,gitlab,generic}: checks and stores webhooks, and responds. The intake processes them.
#pragma once

#include <functional>
#include <string>

#include "server/config/webhooks.h"
#include "server/http/server.h"
#include "server/store/webhook_store.h"
#include "server/webhooks/inbound/event.h"
#include "server/webhooks/secret.h"
#include "support/clock.h"

namespace lk::webhooks {

// Secrets of each source. For a source without secrets, requests get a 404.
struct ReceiverSecrets {
  Secrets github, gitlab, generic;
};
// Errors: those of ReadSecret.
StatusOr<ReceiverSecrets> ReadReceiverSecrets(const config::Webhooks& config);

class Receiver {
 public:
  // `queued` is called after a webhook has been stored for processing; it must not block.
  Receiver(const config::Webhooks& config, ReceiverSecrets secrets, store::WebhookStore& store, const Clock& clock,
           std::function<void()> queued)
      : config_(config), secrets_(std::move(secrets)), store_(store), clock_(clock), queued_(std::move(queued)) {}

  // Responses; the body is one line with the reason, or with the webhook's id for 202:
  //   202 stored; its campaign will be started in the background
  //   200 nothing to do: already known, a ping, no matching rule
  //   400 the signature is valid, but a header or the body does not match the sender's documentation
  //   401 signature or token missing, wrong or malformed (always the same response); or signature valid, but timestamp
  //       too far off
  //   503 the queue is full, or the store does not respond: the sender can try again
  // The receiver must outlive the routes.
  http::PostRoutes Routes();

  http::Response GitHub(const http::Request& request) const;
  http::Response GitLab(const http::Request& request) const;
  http::Response Generic(const http::Request& request) const;

 private:
  http::Response Take(StatusOr<Event> event, const std::string& delivery, const std::string& digest) const;

  const config::Webhooks& config_;
  const ReceiverSecrets secrets_;
  store::WebhookStore& store_;
  const Clock& clock_;
  const std::function<void()> queued_;
};

}  // namespace lk::webhooks
