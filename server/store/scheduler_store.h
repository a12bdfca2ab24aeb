// SPDX-License-Identifier: Apache-2.0
// The part of the store that the scheduler uses.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/campaign/types.h"
#include "server/store/webhook_store.h"
#include "support/status.h"

namespace lk::store {

// A change, which is written either completely or not at all.
struct Change {
  std::vector<campaign::Campaign> campaigns;                // inserted or replaced
  std::vector<campaign::Run> runs;                          // inserted or replaced
  std::vector<std::pair<std::string, std::string>> events;  // campaign id, payload
  absl::Time time;                                          // of the events
  std::vector<Notification> notifications = {};             // added to the outbox, unless already there
  // Events that follow the others: a campaign id, and a function that creates the payload from the campaign's counts,
  // which include this change. The function is called within the transaction, so it must not use the store. It is
  // called again if the change is retried.
  std::vector<std::pair<std::string, std::function<std::string(const campaign::Counts&)>>> counting_events = {};
};

// Part of Store; errors and threading are described there.
class SchedulerStore {
 public:
  virtual ~SchedulerStore() = default;

  // Returns the sequence numbers of the events, in order, those of `counting_events` last. Cheap for a run whose
  // evidence has hardly changed, since findings and histograms that are already stored are not rewritten.
  virtual StatusOr<std::vector<uint32_t>> Apply(const Change& change) = 0;

  virtual StatusOr<std::vector<campaign::Campaign>> UnfinishedCampaigns() = 0;
  // Returns the runs after `after`, sorted by campaign, then by the numbers in the id ("c-2", "c-2.2", "c-10"); at most
  // `limit`, or all of them if `limit` is 0. An empty campaign id selects all campaigns.
  virtual StatusOr<std::vector<campaign::Run>> ListRuns(const std::string& campaign_id,
                                                        std::optional<campaign::Verdict> verdict,
                                                        const std::string& after, int limit) = 0;

  virtual Status PutHost(const campaign::Host& host) = 0;
  virtual StatusOr<std::vector<campaign::Host>> ListHosts() = 0;
  virtual Status RemoveHost(const std::string& id) = 0;
};

}  // namespace lk::store
