// SPDX-License-Identifier: Apache-2.0
// What is sent to a target, by its format. Pure.
#pragma once

#include <absl/time/time.h>

#include <string>

#include "server/config/webhooks.h"
#include "server/http/outbound/outcome.h"
#include "server/http/transport.h"
#include "server/store/webhook_store.h"
#include "support/status.h"

namespace lk::http {

inline constexpr char kCampaignFinished[] = "campaign.finished";
inline constexpr char kWebhookTest[] = "webhook.test";

// URL and body; headers of who sends it and of signatures are added by the sender.
// Errors: FAILED_PRECONDITION (the campaign has no single commit or no repository, which a status needs).
StatusOr<PostRequest> Format(const config::WebhookTarget& target, const Outcome& outcome);

// lk's own JSON, described in server/http/README.md.
std::string LkJson(const Outcome& outcome);
// The same for a test, which is about no campaign.
std::string LkTestJson(const std::string& target, absl::Time now);

}  // namespace lk::http
