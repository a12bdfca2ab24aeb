// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/intake.h"

#include <absl/time/clock.h>
#include <gmock/gmock.h>

#include <map>

#include "server/store/store.h"
#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::Contains;
using testing::HasSubstr;

class IntakeTest : public testing::Test {
 protected:
  IntakeTest() {
    config::WebhookRule& rule = config_.rules.emplace_back();
    rule.name = "next";
    rule.campaign = folder_.Write("nightly.yaml", "kind: Campaign\n");
    config_.artifacts.origins = {{"https://artifacts.test", "", false}};
  }

  Intake Make() {
    IntakePort port;
    port.add_kernel = [](const std::vector<kernels::Upload>&, const campaign::Labels&,
                         const std::string&) -> StatusOr<std::string> { return std::string("k0"); };
    port.new_campaign_id = [this](absl::Time) { return std::string("c") + std::to_string(++ids_); };
    port.find_campaign = [this](const std::string& id) {
      return started_.contains(id) ? absl::OkStatus() : absl::NotFoundError("none");
    };
    port.start_campaign = [this](const std::string& id, const std::string& yaml, const std::vector<std::string>& set) {
      if (!start_.ok()) return start_;
      EXPECT_EQ(yaml, "kind: Campaign\n");
      started_[id] = set;
      return after_start_;
    };
    return Intake(
        config_, *store_, MakeFetcher(), port, clock_, [] { return 0.5; }, folder_ / "spool");
  }
  Fetcher MakeFetcher() {
    return Fetcher::Create(config_.artifacts,
                           [this](const std::string&) -> StatusOr<std::vector<IpAddress>> {
                             if (!resolve_.ok()) return resolve_;
                             return std::vector<IpAddress>{ParseIpAddress("127.0.0.1").value()};
                           })
        .value();
  }
  void Queue(const std::string& id) {
    Event event;
    event.source = "github";
    event.type = "push";
    event.repository = "octo/linux";
    event.branch = "main";
    event.delivery = id;
    store::InboundWebhook webhook;
    webhook.id = id;
    webhook.source = "github";
    webhook.delivery = webhook.digest = id;
    webhook.state = "queued";
    webhook.received = webhook.next_attempt = clock_.now;
    webhook.event = ToJson(event);
    webhook.rule = "next";
    ASSERT_TRUE(store_->AddInbound(webhook, 10).value());
  }
  store::InboundWebhook Get(const std::string& id) { return store_->GetInbound(id).value(); }

  Folder folder_;
  TestClock clock_;
  config::Webhooks config_;
  std::unique_ptr<store::Store> store_ = store::Open("sqlite::memory:").value();
  int ids_ = 0;
  Status start_, after_start_, resolve_;
  std::map<std::string, std::vector<std::string>> started_;
};

TEST_F(IntakeTest, StartsTheRulesCampaign) {
  Queue("in_1");
  Intake intake = Make();
  EXPECT_EQ(intake.Step(), clock_.now);
  EXPECT_EQ(Get("in_1").state, "done");
  EXPECT_EQ(Get("in_1").campaign_id, "c1");
  EXPECT_THAT(started_.at("c1"), Contains(R"(metadata.labels.ref="main")"));
  EXPECT_EQ(intake.Step(), absl::InfiniteFuture());
}

TEST_F(IntakeTest, StartsNoSecondCampaignIfKilledAfterTheStart) {
  Queue("in_1");
  // The campaign has been stored, but lkd is killed before it records that.
  after_start_ = absl::CancelledError("killed");
  Make().Step();
  EXPECT_EQ(Get("in_1").state, "queued");
  EXPECT_EQ(started_.size(), 1u);
  after_start_ = absl::OkStatus();
  Make().Step();
  EXPECT_EQ(Get("in_1").state, "done");
  EXPECT_EQ(Get("in_1").campaign_id, "c1");
  EXPECT_EQ(started_.size(), 1u);
}

TEST_F(IntakeTest, KeepsTheCampaignIdIfKilledBeforeTheStart) {
  Queue("in_1");
  start_ = absl::CancelledError("killed");
  Make().Step();
  EXPECT_EQ(Get("in_1").campaign_id, "c1");
  start_ = absl::OkStatus();
  Make().Step();
  EXPECT_EQ(started_.size(), 1u);
  EXPECT_TRUE(started_.contains("c1"));
}

TEST_F(IntakeTest, TemporaryErrorsAreRetried) {
  Queue("in_1");
  start_ = absl::UnavailableError("the store is locked");
  Intake intake = Make();
  intake.Step();
  EXPECT_EQ(Get("in_1").state, "queued");
  EXPECT_THAT(Get("in_1").error, HasSubstr("locked"));
  const absl::Time due = intake.Step();
  EXPECT_EQ(due, clock_.now + absl::Seconds(5) * 0.75);
  clock_.now = due;
  start_ = absl::OkStatus();
  intake.Step();
  EXPECT_EQ(Get("in_1").state, "done");
  EXPECT_EQ(Get("in_1").error, "");
}

TEST_F(IntakeTest, GivesUpEventuallyAndRetriesOnRequest) {
  Queue("in_1");
  start_ = absl::UnavailableError("no");
  Intake intake = Make();
  for (int i = 0; i < 10; ++i) {
    intake.Step();
    clock_.now += absl::Hours(1);
  }
  EXPECT_EQ(Get("in_1").state, "failed");
  EXPECT_EQ(intake.Step(), absl::InfiniteFuture());
  start_ = absl::OkStatus();
  EXPECT_EQ(intake.Retry("in_1").value().state, "queued");
  EXPECT_TRUE(absl::IsFailedPrecondition(intake.Retry("in_1").status()));
  intake.Step();
  EXPECT_EQ(Get("in_1").state, "done");
}

TEST_F(IntakeTest, InvalidFilesFailImmediately) {
  start_ = absl::InvalidArgumentError("the campaign file has 1 error\n\x1b[2J");
  Queue("in_1");
  Make().Step();
  EXPECT_EQ(Get("in_1").state, "failed");
  EXPECT_EQ(Get("in_1").error, "the campaign file has 1 error??[2J");
  config_.rules[0].campaign = folder_ / "none.yaml";
  Queue("in_2");
  Make().Step();
  EXPECT_THAT(Get("in_2").error, HasSubstr("none.yaml"));
  config_.rules.clear();
  Queue("in_3");
  Make().Step();
  EXPECT_THAT(Get("in_3").error, HasSubstr("no longer configured"));
  EXPECT_TRUE(started_.empty());
}

TEST_F(IntakeTest, ForbiddenArtifactsStartNothing) {
  config_.rules[0].artifacts = {{.url = "https://artifacts.test/linux.deb", .name = ""}};
  Queue("in_1");
  Make().Step();
  EXPECT_EQ(Get("in_1").state, "failed");
  EXPECT_THAT(Get("in_1").error, HasSubstr("127.0.0.1, which is not a public address"));
  resolve_ = absl::UnavailableError("no response");
  Queue("in_2");
  Make().Step();
  EXPECT_EQ(Get("in_2").state, "queued");
  EXPECT_TRUE(started_.empty());
  EXPECT_EQ(Get("in_2").campaign_id, "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "spool" / "in_1"));
}

TEST_F(IntakeTest, WorksOnItsOwnThread) {
  Intake intake = Make();
  intake.Start();
  Queue("in_1");
  intake.Wake();
  for (const absl::Time end = absl::Now() + absl::Minutes(1); Get("in_1").state != "done" && absl::Now() < end;) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  intake.Stop();
  EXPECT_EQ(Get("in_1").state, "done");
}

}  // namespace
}  // namespace lk::webhooks
