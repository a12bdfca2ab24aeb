// SPDX-License-Identifier: Apache-2.0
// Stored webhooks: those received, and those to be sent.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::store {

// A received webhook whose signature was valid.
struct InboundWebhook {
  std::string id;        // "in_" and a suffix that sorts by creation time
  std::string source;    // github, gitlab, generic
  std::string delivery;  // the sender's id for the delivery
  std::string digest;    // of the signed content, hexadecimal
  // queued: not processed yet; done: its campaign is stored; ignored: no rule matched; failed: not retried, see error.
  std::string state;
  absl::Time received;
  absl::Time next_attempt;  // if queued
  uint32_t attempts = 0;
  std::string event;        // JSON, created by server/webhooks/inbound
  std::string rule;         // the rule that matched, or empty
  std::string campaign_id;  // chosen before the campaign is started, so that it is started only once
  std::string error;        // of the last attempt
};

// A notification to a target.
struct Notification {
  std::string id;  // sent as webhook-id in every attempt
  std::string target;
  std::string event;  // campaign.finished, webhook.test
  std::string campaign_id;
  // pending, delivered, dead (no more retries; can be replayed).
  std::string state = "pending";
  absl::Time created;
  absl::Time next_attempt;  // if pending
  uint32_t attempts = 0;
  uint32_t last_status = 0;  // HTTP status of the last attempt; 0 if there was no response
  std::string error;         // of the last attempt
};

struct WebhookTotal {
  std::string target, result;  // result: delivered, failed, dead
  uint64_t attempts = 0;
};

// Part of Store; errors and threading are described there.
class WebhookStore {
 public:
  virtual ~WebhookStore() = default;

  // Returns false if this delivery, or one with the same digest, is already stored. Additional error:
  // RESOURCE_EXHAUSTED (the webhook is to be queued, but `max_queued` already are).
  virtual StatusOr<bool> AddInbound(const InboundWebhook& webhook, uint32_t max_queued) = 0;
  // Replaces the stored webhook that has the same id.
  virtual Status UpdateInbound(const InboundWebhook& webhook) = 0;
  virtual StatusOr<InboundWebhook> GetInbound(const std::string& id) = 0;
  // The queued webhook that is due first, even if it is not due yet.
  virtual StatusOr<std::optional<InboundWebhook>> NextInbound() = 0;
  // Newest first, those older than the id `before` (all if empty), in any state if `state` is empty.
  virtual StatusOr<std::vector<InboundWebhook>> ListInbound(const std::string& state, const std::string& before,
                                                            int limit) = 0;

  // Does nothing if a notification with the same id is already stored.
  virtual Status AddNotification(const Notification& notification) = 0;
  // Replaces the stored notification that has the same id, and counts `result`, unless empty, for its target.
  virtual Status UpdateNotification(const Notification& notification, const std::string& result) = 0;
  virtual StatusOr<Notification> GetNotification(const std::string& id) = 0;
  // The target's pending notification that is due first, even if it is not due yet.
  virtual StatusOr<std::optional<Notification>> NextNotification(const std::string& target) = 0;
  virtual StatusOr<std::vector<Notification>> ListNotifications(const std::string& state, const std::string& before,
                                                                int limit) = 0;
  virtual StatusOr<std::vector<WebhookTotal>> WebhookTotals() = 0;

  // Deletes webhooks and notifications older than `before`, except queued webhooks and pending or dead notifications.
  virtual Status ForgetWebhooks(absl::Time before) = 0;
};

}  // namespace lk::store
