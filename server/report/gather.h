// SPDX-License-Identifier: Apache-2.0
// Reads a report's data from the store. Separate from the writers, which do no I/O.
#pragma once

#include <string>

#include "server/report/campaign_report.h"
#include "server/store/store.h"
#include "support/status.h"

namespace lk::report {

// The campaign with its runs, and their kernels and hosts. The rest of the report is left empty. Errors: those of the
// store; NOT_FOUND if the campaign does not exist.
StatusOr<CampaignReport> Gather(store::Store& store, const std::string& campaign_id);

}  // namespace lk::report
