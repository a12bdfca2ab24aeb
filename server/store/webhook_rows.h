// SPDX-License-Identifier: Apache-2.0
// The SQL behind WebhookStore. Each function is part of the caller's transaction and throws SOCI's exceptions.
#pragma once

#include <soci/soci.h>

#include <optional>
#include <string>
#include <vector>

#include "server/store/webhook_store.h"
#include "support/status.h"

namespace lk::store {

StatusOr<bool> InsertInbound(soci::session& sql, const InboundWebhook& webhook, uint32_t max_queued);
Status ReplaceInbound(soci::session& sql, const InboundWebhook& webhook);
StatusOr<InboundWebhook> FindInbound(soci::session& sql, const std::string& id);
std::optional<InboundWebhook> FirstInbound(soci::session& sql);
std::vector<InboundWebhook> PageOfInbound(soci::session& sql, const std::string& state, const std::string& before,
                                          int limit);

void InsertNotification(soci::session& sql, const Notification& notification);
Status ReplaceNotification(soci::session& sql, const Notification& notification, const std::string& result);
StatusOr<Notification> FindNotification(soci::session& sql, const std::string& id);
std::optional<Notification> FirstNotification(soci::session& sql, const std::string& target);
std::vector<Notification> PageOfNotifications(soci::session& sql, const std::string& state, const std::string& before,
                                              int limit);
std::vector<WebhookTotal> ReadWebhookTotals(soci::session& sql);
void DeleteWebhooks(soci::session& sql, absl::Time before);

}  // namespace lk::store
