// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lk/v1/webhook.grpc.pb.h"
#include "server/api/call.h"
#include "server/store/store.h"
#include "server/webhooks/inbound/intake.h"
#include "server/webhooks/outbound/sender.h"

namespace lk::api {

class WebhookService final : public v1::WebhookService::CallbackService {
 public:
  WebhookService(webhooks::Intake& intake, webhooks::Sender& sender, store::Store& store, Executor& pool)
      : intake_(intake), sender_(sender), store_(store), pool_(pool) {}

  grpc::ServerUnaryReactor* ListWebhooks(grpc::CallbackServerContext* context, const v1::ListWebhooksRequest* request,
                                         v1::ListWebhooksResponse* response) override;
  grpc::ServerUnaryReactor* TestWebhook(grpc::CallbackServerContext* context, const v1::TestWebhookRequest* request,
                                        v1::Webhook* response) override;
  grpc::ServerUnaryReactor* RetryWebhook(grpc::CallbackServerContext* context, const v1::RetryWebhookRequest* request,
                                         v1::Webhook* response) override;

 private:
  webhooks::Intake& intake_;
  webhooks::Sender& sender_;
  store::Store& store_;
  Executor& pool_;
};

}  // namespace lk::api
