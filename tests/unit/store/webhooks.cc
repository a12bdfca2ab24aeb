// SPDX-License-Identifier: Apache-2.0
// Requirements for how every backend stores webhooks.
#include <gmock/gmock.h>

#include "tests/unit/store/conformance.h"

namespace lk::store {
namespace {

using testing::ElementsAre;

InboundWebhook Inbound(const std::string& id, const std::string& delivery, const std::string& state = "queued") {
  InboundWebhook webhook;
  webhook.id = id;
  webhook.source = "github";
  webhook.delivery = delivery;
  webhook.digest = "digest of " + delivery;
  webhook.state = state;
  webhook.received = absl::FromUnixSeconds(100);
  webhook.next_attempt = absl::FromUnixSeconds(100);
  webhook.event = R"({"type":"push","branch":"maß"})";
  webhook.rule = "next";
  return webhook;
}

Notification Outgoing(const std::string& id, const std::string& target, int64_t due) {
  Notification notification;
  notification.id = id;
  notification.target = target;
  notification.event = "campaign.finished";
  notification.campaign_id = "c1";
  notification.created = absl::FromUnixSeconds(due);
  notification.next_attempt = absl::FromUnixSeconds(due);
  return notification;
}

TEST_P(StoreTest, InboundWebhookRoundTrips) {
  ASSERT_TRUE(store_->AddInbound(Inbound("in_1", "d1"), 10).value());
  InboundWebhook got = store_->GetInbound("in_1").value();
  EXPECT_EQ(got.source, "github");
  EXPECT_EQ(got.delivery, "d1");
  EXPECT_EQ(got.digest, "digest of d1");
  EXPECT_EQ(got.state, "queued");
  EXPECT_EQ(got.received, absl::FromUnixSeconds(100));
  EXPECT_EQ(got.event, R"({"type":"push","branch":"maß"})");
  EXPECT_EQ(got.rule, "next");
  got.state = "failed";
  got.attempts = 3;
  got.error = "no such host";
  got.campaign_id = "c7";
  ASSERT_TRUE(store_->UpdateInbound(got).ok());
  const InboundWebhook again = Reopen()->GetInbound("in_1").value();
  EXPECT_EQ(again.state, "failed");
  EXPECT_EQ(again.attempts, 3u);
  EXPECT_EQ(again.error, "no such host");
  EXPECT_EQ(again.campaign_id, "c7");
  EXPECT_TRUE(absl::IsNotFound(store_->GetInbound("in_2").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->UpdateInbound(Inbound("in_2", "d2"))));
}

TEST_P(StoreTest, DeliveryIsAcceptedOnce) {
  EXPECT_TRUE(store_->AddInbound(Inbound("in_1", "d1"), 10).value());
  EXPECT_FALSE(store_->AddInbound(Inbound("in_2", "d1"), 10).value());
  InboundWebhook replayed = Inbound("in_3", "another id");
  replayed.digest = "digest of d1";
  EXPECT_FALSE(store_->AddInbound(replayed, 10).value());
  InboundWebhook elsewhere = Inbound("in_4", "d1");
  elsewhere.source = "gitlab";
  EXPECT_TRUE(store_->AddInbound(elsewhere, 10).value());
  EXPECT_THAT(Ids(store_->ListInbound("", "", 10)), ElementsAre("in_4", "in_1"));
}

TEST_P(StoreTest, NumberOfQueuedWebhooksIsLimited) {
  EXPECT_TRUE(store_->AddInbound(Inbound("in_1", "d1"), 1).value());
  EXPECT_TRUE(absl::IsResourceExhausted(store_->AddInbound(Inbound("in_2", "d2"), 1).status()));
  EXPECT_TRUE(store_->AddInbound(Inbound("in_3", "d3", "ignored"), 1).value());
  EXPECT_FALSE(store_->AddInbound(Inbound("in_4", "d1"), 1).value())
      << "a duplicate is recognised even if the queue is full";
}

TEST_P(StoreTest, QueuedWebhooksAreSortedByDueTime) {
  EXPECT_EQ(store_->NextInbound().value(), std::nullopt);
  InboundWebhook later = Inbound("in_1", "d1");
  later.next_attempt = absl::FromUnixSeconds(200);
  ASSERT_TRUE(store_->AddInbound(later, 10).value());
  ASSERT_TRUE(store_->AddInbound(Inbound("in_2", "d2"), 10).value());
  ASSERT_TRUE(store_->AddInbound(Inbound("in_3", "d3", "ignored"), 10).value());
  EXPECT_EQ(store_->NextInbound().value()->id, "in_2");
  EXPECT_THAT(Ids(store_->ListInbound("", "in_3", 1)), ElementsAre("in_2"));
  EXPECT_THAT(Ids(store_->ListInbound("ignored", "", 9)), ElementsAre("in_3"));
}

TEST_P(StoreTest, NotificationsAreStoredWithTheChange) {
  Change change;
  change.campaigns = {SomeCampaign("c1")};
  change.notifications = {Outgoing("msg_1", "ci", 5), Outgoing("msg_2", "ci", 4), Outgoing("msg_3", "other", 1)};
  ASSERT_TRUE(store_->Apply(change).ok());
  ASSERT_TRUE(store_->Apply(change).ok()) << "applying the same change again is not an error";
  EXPECT_THAT(Ids(store_->ListNotifications("", "", 10)), ElementsAre("msg_1", "msg_2", "msg_3"));
  const Notification next = Reopen()->NextNotification("ci").value().value();
  EXPECT_EQ(next.id, "msg_2");
  EXPECT_EQ(next.target, "ci");
  EXPECT_EQ(next.event, "campaign.finished");
  EXPECT_EQ(next.campaign_id, "c1");
  EXPECT_EQ(next.state, "pending");
  EXPECT_EQ(next.next_attempt, absl::FromUnixSeconds(4));
  EXPECT_EQ(store_->NextNotification("none").value(), std::nullopt);
}

TEST_P(StoreTest, AttemptsAreCounted) {
  Notification notification = Outgoing("msg_1", "ci", 5);
  ASSERT_TRUE(store_->AddNotification(notification).ok());
  notification.attempts = 1;
  notification.last_status = 503;
  notification.error = "503";
  ASSERT_TRUE(store_->UpdateNotification(notification, "failed").ok());
  ASSERT_TRUE(store_->UpdateNotification(notification, "failed").ok());
  notification.state = "delivered";
  ASSERT_TRUE(store_->UpdateNotification(notification, "delivered").ok());
  ASSERT_TRUE(store_->UpdateNotification(notification, "").ok());
  const auto totals = Reopen()->WebhookTotals().value();
  ASSERT_EQ(totals.size(), 2u);
  EXPECT_EQ(totals[0].target, "ci");
  EXPECT_EQ(totals[0].result, "delivered");
  EXPECT_EQ(totals[0].attempts, 1u);
  EXPECT_EQ(totals[1].result, "failed");
  EXPECT_EQ(totals[1].attempts, 2u);
  EXPECT_EQ(store_->GetNotification("msg_1").value().last_status, 503u);
  EXPECT_TRUE(absl::IsNotFound(store_->GetNotification("msg_2").status()));
}

TEST_P(StoreTest, OldWebhooksAreDeleted) {
  ASSERT_TRUE(store_->AddInbound(Inbound("in_1", "d1", "queued"), 10).value());
  ASSERT_TRUE(store_->AddInbound(Inbound("in_2", "d2", "done"), 10).value());
  Notification delivered = Outgoing("msg_1", "ci", 5), dead = Outgoing("msg_2", "ci", 5);
  delivered.state = "delivered";
  dead.state = "dead";
  ASSERT_TRUE(store_->AddNotification(delivered).ok());
  ASSERT_TRUE(store_->AddNotification(dead).ok());
  ASSERT_TRUE(store_->ForgetWebhooks(absl::FromUnixSeconds(5)).ok());
  EXPECT_EQ(store_->ListNotifications("", "", 10).value().size(), 2u) << "nothing is older than the given time yet";
  ASSERT_TRUE(store_->ForgetWebhooks(absl::FromUnixSeconds(1000)).ok());
  EXPECT_THAT(Ids(store_->ListInbound("", "", 10)), ElementsAre("in_1"));
  EXPECT_THAT(Ids(store_->ListNotifications("", "", 10)), ElementsAre("msg_2"));
}

}  // namespace
}  // namespace lk::store
