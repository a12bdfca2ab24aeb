// SPDX-License-Identifier: Apache-2.0
// What notifications tell of a campaign.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/campaign/types.h"
#include "server/store/store.h"
#include "support/status.h"

namespace lk::webhooks {

struct Outcome {
  campaign::Campaign campaign;  // with name and labels in `spec`
  campaign::Counts counts;
  std::vector<campaign::Run> runs;                       // superseded attempts too
  std::map<std::string, campaign::KernelBuild> kernels;  // those that are stored still, by id
};

// Errors: those of the store; NOT_FOUND: no such campaign.
StatusOr<Outcome> ReadOutcome(store::Store& store, const std::string& campaign_id);

// The commit that a campaign is about: its label "commit", else the one that the labels of all its kernels name.
// Error: FAILED_PRECONDITION (none, several, or no hash).
StatusOr<std::string> CommitOf(const Outcome& outcome);

// "fail: 1 of 4 runs; BUG: soft lockup in F", at most `most` bytes.
std::string Summary(const Outcome& outcome, size_t most);

}  // namespace lk::webhooks
