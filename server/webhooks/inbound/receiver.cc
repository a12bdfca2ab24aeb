// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/receiver.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "server/webhooks/inbound/rules.h"
#include "server/webhooks/signature.h"
#include "support/random.h"

namespace lk::webhooks {
namespace {

constexpr size_t kMaxId = 128;

std::string Header(const http::Request& request, const std::string& name) {
  const auto it = request.headers.find(name);
  return it == request.headers.end() ? "" : it->second;
}

// Whether `text` is acceptable as an event's id or name, which will be stored, listed and logged.
bool Word(const std::string& text) {
  return !text.empty() && text.size() <= kMaxId &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

http::Response Unauthorized(std::string_view source) {
  spdlog::debug("webhooks: {}: refused, signature missing or wrong", source);
  return {.status = 401, .body = "signature missing or wrong\n"};
}

http::Response Bad(std::string_view why) {
  return {.status = 400, .body = fmt::format("{}\n", why)};
}

http::Response Later(std::string_view why) {
  return {.status = 503, .body = fmt::format("{}; try again\n", why), .headers = {{"Retry-After", "10"}}};
}

StatusOr<Secrets> ReadAll(const config::WebhookSource& source,
                          StatusOr<Secret> (*read)(const std::filesystem::path& path)) {
  Secrets secrets;
  for (const std::filesystem::path& path : source.secret_files) {
    LK_ASSIGN_OR_RETURN(Secret secret, read(path));
    secrets.push_back(std::move(secret));
  }
  return secrets;
}

// Ids sort by creation time.
std::string NewId(absl::Time now) {
  return fmt::format("in_{:013x}{}", absl::ToUnixMicros(now), RandomHex(4));
}

}  // namespace

StatusOr<ReceiverSecrets> ReadReceiverSecrets(const config::Webhooks& config) {
  ReceiverSecrets secrets;
  LK_ASSIGN_OR_RETURN(secrets.github, ReadAll(config.github, ReadSecret));
  LK_ASSIGN_OR_RETURN(secrets.gitlab, ReadAll(config.gitlab, ReadSecret));
  LK_ASSIGN_OR_RETURN(secrets.generic, ReadAll(config.generic, ReadSigningSecret));
  return secrets;
}

http::PostRoutes Receiver::Routes() {
  http::PostRoutes routes;
  if (!secrets_.github.empty()) routes["/hooks/v1/github"] = [this](const http::Request& r) { return GitHub(r); };
  if (!secrets_.gitlab.empty()) routes["/hooks/v1/gitlab"] = [this](const http::Request& r) { return GitLab(r); };
  if (!secrets_.generic.empty()) routes["/hooks/v1/generic"] = [this](const http::Request& r) { return Generic(r); };
  return routes;
}

http::Response Receiver::GitHub(const http::Request& request) const {
  if (!GitHubSignatureGood(secrets_.github, Header(request, "x-hub-signature-256"), request.body)) {
    return Unauthorized("github");
  }
  const std::string name = Header(request, "x-github-event");
  const std::string delivery = Header(request, "x-github-delivery");
  if (!Word(name)) return Bad("the header X-GitHub-Event is missing or malformed");
  if (!Word(delivery)) return Bad("the header X-GitHub-Delivery is missing or malformed");
  if (name == "ping") return {.status = 200, .body = "pong\n"};
  // The signature covers the body but not the delivery id, so a repeated body is a replay, whatever its delivery id.
  // The bodies of two GitHub events always differ, if only in timestamps and hashes.
  return Take(ParseGitHub(name, request.body), delivery, Sha256Hex(name + "\n" + request.body));
}

http::Response Receiver::GitLab(const http::Request& request) const {
  if (!TokenGood(secrets_.gitlab, Header(request, "x-gitlab-token"))) return Unauthorized("gitlab");
  const std::string digest = Sha256Hex(request.body);
  // Idempotency-Key is the same in every attempt to deliver a webhook. Older GitLab versions send only
  // X-Gitlab-Event-UUID.
  std::string delivery = Header(request, "idempotency-key");
  if (delivery.empty()) delivery = Header(request, "x-gitlab-event-uuid");
  if (delivery.empty()) delivery = digest;
  if (!Word(delivery)) return Bad("the header Idempotency-Key or X-Gitlab-Event-UUID is malformed");
  return Take(ParseGitLab(request.body), delivery, digest);
}

http::Response Receiver::Generic(const http::Request& request) const {
  const StandardHeaders headers{Header(request, "webhook-id"), Header(request, "webhook-timestamp"),
                                Header(request, "webhook-signature")};
  switch (CheckStandard(secrets_.generic, headers, request.body, clock_.Now(), config_.tolerance)) {
    case StandardResult::kWrong:
      return Unauthorized("generic");
    case StandardResult::kStale:
      return {.status = 401, .body = "webhook-timestamp is too far from the current time\n"};
    case StandardResult::kGood:
      break;
  }
  if (!Word(headers.id)) return Bad("the header webhook-id is malformed");
  return Take(ParseGeneric(request.body), headers.id, Sha256Hex(headers.id));
}

http::Response Receiver::Take(StatusOr<Event> event, const std::string& delivery, const std::string& digest) const {
  if (!event.ok()) return Bad(std::string(event.status().message()));
  event->delivery = delivery;
  const config::WebhookRule* rule = FindRule(config_.rules, *event);
  store::InboundWebhook webhook;
  webhook.source = event->source;
  webhook.delivery = delivery;
  webhook.digest = digest;
  webhook.state = rule == nullptr ? "ignored" : "queued";
  webhook.received = webhook.next_attempt = clock_.Now();
  webhook.id = NewId(webhook.received);
  webhook.event = ToJson(*event);
  webhook.rule = rule == nullptr ? "" : rule->name;
  const StatusOr<bool> added = store_.AddInbound(webhook, config_.max_queued);
  if (absl::IsResourceExhausted(added.status())) return Later("too many webhooks are waiting");
  if (!added.ok()) {
    spdlog::warn("webhooks: {}", std::string(added.status().message()));
    return Later("the store does not respond");
  }
  if (!*added) return {.status = 200, .body = "already known\n"};
  spdlog::info("webhooks: {}: {} {}, delivery {}: {}", webhook.id, webhook.source, event->type, delivery,
               rule == nullptr ? "no matching rule" : "rule " + rule->name);
  if (rule == nullptr) return {.status = 200, .body = "no matching rule\n"};
  queued_();
  return {.status = 202, .body = webhook.id + "\n"};
}

}  // namespace lk::webhooks
