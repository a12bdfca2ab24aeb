// SPDX-License-Identifier: Apache-2.0
// POST /hooks/v1/{github,gitlab,generic}: checks, stores, answers. What follows from a webhook is the intake's work.
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

// Secrets of each source; none: its path does not exist.
struct ReceiverSecrets {
  Secrets github, gitlab, generic;
};
// Errors: those of ReadSecret.
StatusOr<ReceiverSecrets> ReadReceiverSecrets(const config::Webhooks& config);

class Receiver {
 public:
  // `queued` is called after one was stored for work; must not block.
  Receiver(const config::Webhooks& config, ReceiverSecrets secrets, store::WebhookStore& store, const Clock& clock,
           std::function<void()> queued)
      : config_(config), secrets_(std::move(secrets)), store_(store), clock_(clock), queued_(std::move(queued)) {}

  // Answers, with a line that says why:
  //   202 stored; its campaign will be started behind this answer
  //   200 nothing is to be done: known already, a ping, no rule for it
  //   400 the signature is good, but the body is not what the sender's documentation says
  //   401 signature or token missing, wrong or malformed (one answer for all of them); or good, but stale
  //   503 the queue is full, or the store does not answer: the sender may try again
  // It must outlive the routes.
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
