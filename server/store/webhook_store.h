// SPDX-License-Identifier: Apache-2.0
// Webhooks, remembered: what came in, and what is to go out.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::store {

// A webhook whose signature was good.
struct InboundWebhook {
  std::string id;        // "in_" and what ascends in time
  std::string source;    // github, gitlab, generic
  std::string delivery;  // the sender's id of it
  std::string digest;    // of what its signature covers, hexadecimal
  // queued: work is to be done; done: its campaign is stored; ignored: no rule wants it; failed: given up, see error.
  std::string state;
  absl::Time received;
  absl::Time next_attempt;  // of a queued one
  uint32_t attempts = 0;
  std::string event;        // JSON, made by server/webhooks/inbound
  std::string rule;         // that matched; empty: none
  std::string campaign_id;  // chosen before it is started, so that it is started once
  std::string error;        // of the last attempt
};

// A notification of a target.
struct Notification {
  std::string id;  // the webhook-id of every attempt
  std::string target;
  std::string event;  // campaign.finished, webhook.test
  std::string campaign_id;
  // pending, delivered, dead (given up, may be replayed).
  std::string state = "pending";
  absl::Time created;
  absl::Time next_attempt;  // of a pending one
  uint32_t attempts = 0;
  uint32_t last_status = 0;  // HTTP, of the last attempt; 0: there was no answer
  std::string error;         // of the last attempt
};

struct WebhookTotal {
  std::string target, result;  // result: delivered, failed, dead
  uint64_t attempts = 0;
};

// Part of Store; the same holds as for its other calls.
class WebhookStore {
 public:
  virtual ~WebhookStore() = default;

  // False: this delivery, or one with the same digest, is stored already. Error beside the usual: RESOURCE_EXHAUSTED
  // (it would be queued, and `most_queued` are).
  virtual StatusOr<bool> AddInbound(const InboundWebhook& webhook, uint32_t most_queued) = 0;
  // Replaces what is stored of its id.
  virtual Status UpdateInbound(const InboundWebhook& webhook) = 0;
  virtual StatusOr<InboundWebhook> GetInbound(const std::string& id) = 0;
  // The queued one that is due first, due or not yet.
  virtual StatusOr<std::optional<InboundWebhook>> NextInbound() = 0;
  // Newest first, those older than `before` (an id; empty: all), in any state if `state` is empty.
  virtual StatusOr<std::vector<InboundWebhook>> ListInbound(const std::string& state, const std::string& before,
                                                            int limit) = 0;

  // Does nothing if its id is stored already.
  virtual Status AddNotification(const Notification& notification) = 0;
  // Replaces what is stored of its id, and counts `result` for its target ("": counts nothing).
  virtual Status UpdateNotification(const Notification& notification, const std::string& result) = 0;
  virtual StatusOr<Notification> GetNotification(const std::string& id) = 0;
  // The target's pending one that is due first, due or not yet.
  virtual StatusOr<std::optional<Notification>> NextNotification(const std::string& target) = 0;
  virtual StatusOr<std::vector<Notification>> ListNotifications(const std::string& state, const std::string& before,
                                                                int limit) = 0;
  virtual StatusOr<std::vector<WebhookTotal>> WebhookTotals() = 0;

  // Forgets what is older and needs nothing more: not what is queued or pending, and no dead letters.
  virtual Status ForgetWebhooks(absl::Time before) = 0;
};

}  // namespace lk::store
