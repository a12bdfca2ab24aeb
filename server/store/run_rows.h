// SPDX-License-Identifier: Apache-2.0
// Stores runs with their findings and latencies in SQL. Throws SOCI's exceptions and Damaged.
#pragma once

#include <soci/soci.h>

#include <optional>
#include <string>

#include "server/campaign/types.h"

namespace lk::store {

std::optional<campaign::Run> FindRun(soci::session& sql, const std::string& id);
// Adds findings and latencies to a run of which only the row has been read.
void GetEvidence(soci::session& sql, campaign::Run& run);
// Inserts or replaces a run and updates the sums over runs (totals.h). Part of the caller's transaction.
void PutRun(soci::session& sql, const campaign::Run& run);
campaign::Counts CountRuns(soci::session& sql, const std::string& campaign_id);

}  // namespace lk::store
