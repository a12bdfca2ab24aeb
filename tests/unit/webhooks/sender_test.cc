// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/sender.h"

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <httplib.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "server/webhooks/signature.h"
#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Returns the given replies in order, then 200.
class FakeTransport final : public Transport {
 public:
  StatusOr<PostReply> Post(const PostRequest& request) override {
    requests.push_back(request);
    if (replies.empty()) return PostReply{.status = 200, .retry_after = std::nullopt};
    StatusOr<PostReply> reply = replies.front();
    replies.pop_front();
    return reply;
  }
  std::vector<PostRequest> requests;
  std::deque<StatusOr<PostReply>> replies;
};

std::string Header(const PostRequest& request, const std::string& name) {
  for (const std::string& header : request.headers) {
    if (header.starts_with(name + ": ")) return header.substr(name.size() + 2);
  }
  return "";
}

class SenderTest : public testing::Test {
 protected:
  SenderTest() {
    config::WebhookTarget& ci = config_.targets.emplace_back();
    ci.name = "ci";
    ci.format = "lk";
    ci.url = "https://ci.test/lk";
    ci.secret_files = {folder_.Write("new", "whsec_" + std::string(40, 'A')), folder_.Write("old", kStandardSecret)};
    config::WebhookTarget& github = config_.targets.emplace_back();
    github.name = "github";
    github.format = "github_status";
    github.url = "https://api.test";
    github.token_file = folder_.Write("token", "hidden");
    config_.retry.attempts = 5;
    Finish("c1");
  }

  void Finish(const std::string& id) {
    campaign::Campaign campaign;
    campaign.id = id;
    campaign.state = campaign::CampaignState::kFinished;
    campaign.verdict = campaign::Verdict::kPass;
    campaign.created = campaign.finished = clock_.now;
    campaign.spec.name = "nightly";
    campaign.spec.labels = {{"repository", "octo/linux"}, {"commit", std::string(40, 'a')}};
    store::Change change;
    change.campaigns = {campaign};
    change.notifications = Make()->For(campaign, {"ci", "github", "gone"}, clock_.now);
    ASSERT_TRUE(store_->Apply(change).ok());
  }
  // Makes a new sender, as after a restart of lkd.
  std::unique_ptr<Sender> Make() {
    auto transport = std::make_unique<FakeTransport>();
    transport_ = transport.get();
    return Sender::Create(
               config_, *store_, clock_, [this] { return chance_; }, std::move(transport))
        .value();
  }
  store::Notification Get(const std::string& id) { return store_->GetNotification(id).value(); }
  static PostReply Reply(uint32_t status) { return {.status = status, .retry_after = std::nullopt}; }
  std::map<std::string, uint64_t> Totals() {
    std::map<std::string, uint64_t> totals;
    const std::vector<store::WebhookTotal> all = store_->WebhookTotals().value();
    for (const store::WebhookTotal& total : all) {
      totals[total.target + " " + total.result] = total.attempts;
    }
    return totals;
  }

  Folder folder_;
  TestClock clock_;
  config::Webhooks config_;
  double chance_ = 0;
  FakeTransport* transport_ = nullptr;
  std::unique_ptr<store::Store> store_ = store::Open("sqlite::memory:").value();
};

TEST(Backoff, DoublesUpToALimitWithJitter) {
  const absl::Duration first = absl::Seconds(5), most = absl::Minutes(1);
  std::vector<double> seconds;
  for (const uint32_t attempts : {1u, 2u, 3u, 4u, 5u, 100u, UINT32_MAX}) {
    seconds.push_back(absl::ToDoubleSeconds(Backoff(first, most, attempts, 0)));
  }
  EXPECT_THAT(seconds, ElementsAre(5, 10, 20, 40, 60, 60, 60));
  EXPECT_EQ(Backoff(first, most, 2, 0.5), absl::Seconds(7.5));
  EXPECT_GT(Backoff(first, most, 2, 0.999999), absl::Seconds(5));
}

TEST_F(SenderTest, SignsWithEachSecret) {
  const auto sender = Make();
  sender->Step("ci");
  ASSERT_EQ(transport_->requests.size(), 1u);
  const PostRequest& request = transport_->requests[0];
  EXPECT_EQ(request.url, "https://ci.test/lk");
  EXPECT_EQ(nlohmann::json::parse(request.body)["data"]["verdict"], "pass");
  const StandardHeaders headers{Header(request, "webhook-id"), Header(request, "webhook-timestamp"),
                                Header(request, "webhook-signature")};
  EXPECT_EQ(headers.id, "msg_c1_ci");
  for (const std::string& secret : {std::string(kStandardSecret), "whsec_" + std::string(40, 'A')}) {
    EXPECT_EQ(CheckStandard({ParseSigningSecret(secret).value()}, headers, request.body, clock_.now, absl::Seconds(1)),
              StandardResult::kGood);
  }
  EXPECT_EQ(Get("msg_c1_ci").state, "delivered");
  EXPECT_EQ(Get("msg_c1_ci").last_status, 200u);
  EXPECT_EQ(sender->Step("ci"), absl::InfiniteFuture());
}

TEST_F(SenderTest, RetriesWithTheSameIdAndANewTimestamp) {
  const auto sender = Make();
  transport_->replies = {Reply(503), absl::UnavailableError("connection refused")};
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").state, "pending");
  EXPECT_EQ(Get("msg_c1_ci").error, "the receiver responded with 503");
  EXPECT_EQ(sender->Step("ci"), clock_.now + absl::Seconds(5)) << "not due yet";
  EXPECT_EQ(transport_->requests.size(), 1u);
  clock_.now += absl::Seconds(5);
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").error, "connection refused");
  clock_.now += absl::Seconds(10);
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").state, "delivered");
  ASSERT_EQ(transport_->requests.size(), 3u);
  for (const PostRequest& request : transport_->requests) {
    EXPECT_EQ(Header(request, "webhook-id"), "msg_c1_ci");
    EXPECT_EQ(request.body, transport_->requests[0].body);
  }
  EXPECT_NE(Header(transport_->requests[2], "webhook-timestamp"), Header(transport_->requests[0], "webhook-timestamp"));
  EXPECT_EQ(Totals().at("ci failed"), 2u);
  EXPECT_EQ(Totals().at("ci delivered"), 1u);
}

TEST_F(SenderTest, DeliversAgainIfKilledDuringDelivery) {
  // The notification is stored, but lkd is killed during the first attempt to deliver it.
  {
    const auto sender = Make();
    transport_->replies = {absl::CancelledError("killed")};
    sender->Step("ci");
    ASSERT_EQ(transport_->requests.size(), 1u);
    EXPECT_EQ(Header(transport_->requests[0], "webhook-id"), "msg_c1_ci");
    EXPECT_EQ(Get("msg_c1_ci").attempts, 0u);
  }
  const auto sender = Make();
  sender->Step("ci");
  ASSERT_EQ(transport_->requests.size(), 1u);
  EXPECT_EQ(Header(transport_->requests[0], "webhook-id"), "msg_c1_ci") << "delivered again with the same id";
  EXPECT_EQ(Get("msg_c1_ci").state, "delivered");
}

TEST_F(SenderTest, StoringAVerdictAgainNotifiesOnce) {
  Finish("c1");
  EXPECT_EQ(store_->ListNotifications("", "", 10).value().size(), 3u);
}

TEST_F(SenderTest, RespectsRetryAfter) {
  const auto sender = Make();
  transport_->replies = {PostReply{.status = 429, .retry_after = absl::Minutes(7)},
                         PostReply{.status = 503, .retry_after = absl::Hours(10000)}};
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").next_attempt, clock_.now + absl::Minutes(7));
  clock_.now += absl::Minutes(7);
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").next_attempt, clock_.now + absl::Hours(24));
}

TEST_F(SenderTest, DeadLettersAreKeptAndCanBeSentAgain) {
  const auto sender = Make();
  for (int i = 0; i < 5; ++i) transport_->replies.push_back(Reply(500));
  for (int i = 0; i < 5; ++i) {
    sender->Step("ci");
    clock_.now += absl::Hours(24);
  }
  EXPECT_EQ(Get("msg_c1_ci").state, "dead");
  EXPECT_EQ(Get("msg_c1_ci").attempts, 5u);
  EXPECT_EQ(Totals().at("ci failed"), 4u);
  EXPECT_EQ(Totals().at("ci dead"), 1u);
  EXPECT_EQ(sender->Step("ci"), absl::InfiniteFuture());
  EXPECT_EQ(sender->Retry("msg_c1_ci").value().state, "pending");
  EXPECT_TRUE(absl::IsFailedPrecondition(sender->Retry("msg_c1_ci").status())) << "the notification is no longer dead";
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").state, "delivered");
  EXPECT_EQ(Header(transport_->requests.back(), "webhook-id"), "msg_c1_ci");
  EXPECT_TRUE(absl::IsNotFound(sender->Retry("msg_other").status()));
}

TEST_F(SenderTest, GoneIsPermanent) {
  const auto sender = Make();
  transport_->replies = {Reply(410)};
  sender->Step("ci");
  EXPECT_EQ(Get("msg_c1_ci").state, "dead");
}

TEST_F(SenderTest, TokensAreSentButNotInErrors) {
  const auto sender = Make();
  transport_->replies = {Reply(401)};
  sender->Step("github");
  ASSERT_EQ(transport_->requests.size(), 1u);
  EXPECT_EQ(Header(transport_->requests[0], "Authorization"), "Bearer hidden");
  EXPECT_THAT(transport_->requests[0].url, HasSubstr("/repos/octo/linux/statuses/aaaa"));
  EXPECT_THAT(Get("msg_c1_github").error, Not(HasSubstr("hidden")));
}

TEST_F(SenderTest, NotificationsWithoutATargetAreDead) {
  EXPECT_EQ(Get("msg_c1_gone").state, "dead");
  EXPECT_TRUE(absl::IsFailedPrecondition(Make()->Retry("msg_c1_gone").status()));
  config_.targets.pop_back();
  const auto sender = Make();
  sender->Start();
  sender->Stop();
  EXPECT_EQ(Get("msg_c1_github").state, "dead");
  EXPECT_THAT(Get("msg_c1_github").error, HasSubstr("no longer configured"));
}

TEST_F(SenderTest, SendsTestNotifications) {
  const auto sender = Make();
  EXPECT_TRUE(absl::IsNotFound(sender->AddTest("other", "").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(sender->AddTest("github", "").status()));
  EXPECT_TRUE(absl::IsNotFound(sender->AddTest("github", "c9").status()));
  sender->Step("ci");
  const store::Notification test = sender->AddTest("ci", "").value();
  sender->Step("ci");
  EXPECT_EQ(sender->AwaitAttempt(test.id, absl::Minutes(1)).value().state, "delivered");
  EXPECT_EQ(nlohmann::json::parse(transport_->requests.back().body)["type"], "webhook.test");
  EXPECT_EQ(Header(transport_->requests.back(), "webhook-id"), test.id);
}

TEST_F(SenderTest, RefusesUnreadableSecrets) {
  config_.targets[0].secret_files = {folder_ / "none"};
  EXPECT_TRUE(absl::IsFailedPrecondition(Sender::Create(
                                             config_, *store_, clock_, [] { return 0.0; }, nullptr)
                                             .status()));
}

// Uses libcurl and threads, against a server that fails twice.
TEST_F(SenderTest, DeliversToARealServer) {
  httplib::Server server;
  std::atomic<int> calls = 0;
  std::vector<httplib::Headers> got;
  server.Post("/lk", [&](const httplib::Request& request, httplib::Response& response) {
    got.push_back(request.headers);
    response.status = ++calls <= 2 ? 500 : 204;
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&server] { server.listen_after_bind(); });
  config_.targets[0].url = "http://127.0.0.1:" + std::to_string(port) + "/lk";
  config_.targets.pop_back();
  config_.retry.first = absl::Milliseconds(20);
  const SystemClock clock;
  const auto sender = Sender::Create(config_, *store_, clock, [] { return 0.5; }).value();
  sender->Start();
  for (const absl::Time end = absl::Now() + absl::Minutes(1);
       Get("msg_c1_ci").state == "pending" && absl::Now() < end;) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  sender->Stop();
  server.stop();
  thread.join();
  EXPECT_EQ(Get("msg_c1_ci").state, "delivered");
  ASSERT_EQ(got.size(), 3u);
  for (const httplib::Headers& headers : got) {
    EXPECT_EQ(headers.find("webhook-id")->second, "msg_c1_ci");
    EXPECT_EQ(headers.find("Content-Type")->second, "application/json");
  }
}

}  // namespace
}  // namespace lk::webhooks
