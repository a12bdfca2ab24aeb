// SPDX-License-Identifier: Apache-2.0
#include "server/api/webhook_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "server/api/convert.h"
#include "server/api/paging.h"
#include "server/webhooks/inbound/event.h"

namespace lk::api {
namespace {

// Shorter than lkctl's deadline for a call.
constexpr absl::Duration kTestWait = absl::Seconds(25);

// Fills in the fields that both directions share.
template <typename Row>
v1::Webhook Common(const Row& row, absl::Time created, std::string_view waiting) {
  v1::Webhook proto;
  proto.set_id(row.id);
  proto.set_state(row.state);
  proto.set_campaign_id(row.campaign_id);
  proto.set_attempts(row.attempts);
  proto.set_error(row.error);
  Set(proto.mutable_created(), created);
  if (row.state == waiting) Set(proto.mutable_next_attempt(), row.next_attempt);
  return proto;
}

v1::Webhook WebhookToProto(const store::InboundWebhook& webhook) {
  v1::Webhook proto = Common(webhook, webhook.received, "queued");
  proto.set_direction("in");
  proto.set_peer(webhook.source);
  proto.set_rule(webhook.rule);
  proto.set_delivery(webhook.delivery);
  if (const StatusOr<webhooks::Event> event = webhooks::FromJson(webhook.event); event.ok())
    proto.set_event(event->type);
  return proto;
}

v1::Webhook WebhookToProto(const store::Notification& notification) {
  v1::Webhook proto = Common(notification, notification.created, "pending");
  proto.set_direction("out");
  proto.set_peer(notification.target);
  proto.set_event(notification.event);
  proto.set_last_status(notification.last_status);
  return proto;
}

template <typename Row>
grpc::Status FillPage(const StatusOr<std::vector<Row>>& page, int size, v1::ListWebhooksResponse& response) {
  if (!page.ok()) return ToGrpc(page.status());
  for (const Row& row : *page) *response.add_webhooks() = WebhookToProto(row);
  if (page->size() == static_cast<size_t>(size)) response.set_next_page_token(page->back().id);
  return grpc::Status::OK;
}

template <typename Row>
grpc::Status FillWebhook(const StatusOr<Row>& row, v1::Webhook& response) {
  if (!row.ok()) return ToGrpc(row.status());
  response = WebhookToProto(*row);
  return grpc::Status::OK;
}

grpc::Status Unknown(std::string_view what, const std::string& word, const std::vector<std::string_view>& valid) {
  return {grpc::StatusCode::INVALID_ARGUMENT,
          fmt::format("invalid {} \"{}\" (expected {})", what, word, fmt::join(valid, ", "))};
}

}  // namespace

grpc::ServerUnaryReactor* WebhookService::ListWebhooks(grpc::CallbackServerContext* context,
                                                       const v1::ListWebhooksRequest* request,
                                                       v1::ListWebhooksResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const std::vector<std::string_view> in = {"queued", "done", "ignored", "failed"};
    const std::vector<std::string_view> out = {"pending", "delivered", "dead"};
    const bool inbound = request->direction() == "in";
    if (!inbound && request->direction() != "out") return Unknown("direction", request->direction(), {"in", "out"});
    const std::vector<std::string_view>& states = inbound ? in : out;
    if (!request->state().empty() && std::ranges::find(states, request->state()) == states.end()) {
      return Unknown("state", request->state(), states);
    }
    const int size = PageSize(request->page_size());
    if (inbound) return FillPage(store_.ListInbound(request->state(), request->page_token(), size), size, *response);
    return FillPage(store_.ListNotifications(request->state(), request->page_token(), size), size, *response);
  });
}

grpc::ServerUnaryReactor* WebhookService::TestWebhook(grpc::CallbackServerContext* context,
                                                      const v1::TestWebhookRequest* request, v1::Webhook* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    std::string campaign_id;
    if (!request->campaign_id().empty()) {
      StatusOr<std::string> resolved = store_.ResolveCampaign(request->campaign_id());
      if (!resolved.ok()) return ToGrpc(resolved.status());
      campaign_id = *std::move(resolved);
    }
    const StatusOr<store::Notification> added = sender_.AddTest(request->target(), campaign_id);
    if (!added.ok()) return ToGrpc(added.status());
    return FillWebhook(sender_.AwaitAttempt(added->id, kTestWait), *response);
  });
}

grpc::ServerUnaryReactor* WebhookService::RetryWebhook(grpc::CallbackServerContext* context,
                                                       const v1::RetryWebhookRequest* request, v1::Webhook* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    if (request->id().starts_with("in_")) return FillWebhook(intake_.Retry(request->id()), *response);
    return FillWebhook(sender_.Retry(request->id()), *response);
  });
}

}  // namespace lk::api
