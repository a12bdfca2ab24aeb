// SPDX-License-Identifier: Apache-2.0
// Builds the requests for a target, in the target's format. Pure.
#pragma once

#include <absl/time/time.h>

#include <string>

#include "server/config/webhooks.h"
#include "server/report/campaign_report.h"
#include "server/store/webhook_store.h"
#include "server/webhooks/transport.h"
#include "support/status.h"

namespace lk::webhooks {

inline constexpr char kCampaignFinished[] = "campaign.finished";
inline constexpr char kWebhookTest[] = "webhook.test";

// URL and body; the sender adds the headers for authentication and signatures.
// Errors: FAILED_PRECONDITION (the campaign has no single commit or no repository, which a status requires).
StatusOr<PostRequest> Format(const config::WebhookTarget& target, const report::CampaignReport& report);

// lk's own JSON, described in server/webhooks/README.md.
std::string LkJson(const report::CampaignReport& report);
// The JSON of a test notification without a campaign.
std::string LkTestJson(const std::string& target, absl::Time now);

}  // namespace lk::webhooks
