// SPDX-License-Identifier: Apache-2.0
// What the store knows for a report. Apart from the writers, which read nothing.
#pragma once

#include <string>

#include "server/report/campaign_report.h"
#include "server/store/store.h"
#include "support/status.h"

namespace lk::report {

// The campaign with its runs, and their kernels and hosts. The rest of a report is left empty.
// Errors: those of the store; NOT_FOUND: no such campaign.
StatusOr<CampaignReport> Gather(store::Store& store, const std::string& campaign_id);

}  // namespace lk::report
