// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "harness.h"
#include "lk/v1/webhook.grpc.pb.h"

namespace lk::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class FakeWebhooks final : public v1::WebhookService::Service {
 public:
  v1::ListWebhooksRequest asked;
  v1::TestWebhookRequest tested;
  v1::Webhook webhook;

  grpc::Status ListWebhooks(grpc::ServerContext*, const v1::ListWebhooksRequest* request,
                            v1::ListWebhooksResponse* response) override {
    asked = *request;
    *response->add_webhooks() = webhook;
    if (request->page_token().empty()) response->set_next_page_token(webhook.id());
    return grpc::Status::OK;
  }
  grpc::Status TestWebhook(grpc::ServerContext*, const v1::TestWebhookRequest* request,
                           v1::Webhook* response) override {
    tested = *request;
    *response = webhook;
    return grpc::Status::OK;
  }
  grpc::Status RetryWebhook(grpc::ServerContext*, const v1::RetryWebhookRequest* request,
                            v1::Webhook* response) override {
    if (request->id() != webhook.id()) return {grpc::StatusCode::NOT_FOUND, "no webhook " + request->id()};
    *response = webhook;
    return grpc::Status::OK;
  }
};

class WebhookCommands : public testing::Test {
 protected:
  WebhookCommands() {
    webhooks_.webhook.set_id("msg_c1_ci");
    webhooks_.webhook.set_peer("ci");
    webhooks_.webhook.set_event("campaign.finished");
    webhooks_.webhook.set_state("dead");
    webhooks_.webhook.set_attempts(20);
    webhooks_.webhook.set_error("\x1b[2Jthe receiver returned 500");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&webhooks_);
    server_ = builder.BuildAndStart();
  }
  ~WebhookCommands() override { server_->Shutdown(); }

  Result Run(std::vector<std::string> args) const {
    args.insert(args.begin(), {"--server", address_});
    return Lkctl(args);
  }

  TempDir directory_;
  const std::string address_ = "unix:" + (directory_.path() / "lkd.sock").string();
  FakeWebhooks webhooks_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(WebhookCommands, List) {
  const Result result = Run({"webhook", "list", "--state", "dead"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("TARGET"), HasSubstr("msg_c1_ci"), HasSubstr("the receiver returned 500")));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b"))) << "a receiver cannot control the terminal";
  EXPECT_EQ(webhooks_.asked.direction(), "out");
  EXPECT_EQ(webhooks_.asked.state(), "dead");
  const Result in = Run({"-o", "json", "webhook", "list", "--in"});
  EXPECT_EQ(in.lines().size(), 2u) << "both pages are read";
  EXPECT_EQ(webhooks_.asked.direction(), "in");
}

TEST_F(WebhookCommands, TestExitsWith1IfNotDelivered) {
  EXPECT_EQ(Run({"webhook", "test", "ci", "--campaign", "c1"}).code, 1);
  EXPECT_EQ(webhooks_.tested.target(), "ci");
  EXPECT_EQ(webhooks_.tested.campaign_id(), "c1");
  webhooks_.webhook.set_state("delivered");
  EXPECT_EQ(Run({"webhook", "test", "ci"}).code, 0);
}

TEST_F(WebhookCommands, Retry) {
  const Result result = Run({"webhook", "retry", "msg_c1_ci"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("msg_c1_ci  ci  dead"));
  EXPECT_EQ(Run({"webhook", "retry", "other"}).code, 2);
  EXPECT_EQ(Run({"webhook", "retry"}).code, 2);
}

}  // namespace
}  // namespace lk::cli
