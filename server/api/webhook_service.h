// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lk/v1/webhook.grpc.pb.h"
#include "server/api/call.h"
#include "server/http/inbound/intake.h"
#include "server/http/outbound/sender.h"
#include "server/store/store.h"

namespace lk::api {

class WebhookService final : public v1::WebhookService::CallbackService {
 public:
  WebhookService(http::Intake& intake, http::Sender& sender, store::Store& store, scheduler::WorkerPool& pool)
      : intake_(intake), sender_(sender), store_(store), pool_(pool) {}

  grpc::ServerUnaryReactor* ListWebhooks(grpc::CallbackServerContext* context, const v1::ListWebhooksRequest* request,
                                         v1::ListWebhooksResponse* response) override;
  grpc::ServerUnaryReactor* TestWebhook(grpc::CallbackServerContext* context, const v1::TestWebhookRequest* request,
                                        v1::Webhook* response) override;
  grpc::ServerUnaryReactor* RetryWebhook(grpc::CallbackServerContext* context, const v1::RetryWebhookRequest* request,
                                         v1::Webhook* response) override;

 private:
  http::Intake& intake_;
  http::Sender& sender_;
  store::Store& store_;
  scheduler::WorkerPool& pool_;
};

}  // namespace lk::api
