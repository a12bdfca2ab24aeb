// SPDX-License-Identifier: Apache-2.0
// What the scheduler asks of the store.
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

// One change, written whole or not at all.
struct Change {
  std::vector<campaign::Campaign> campaigns;                // inserted or replaced
  std::vector<campaign::Run> runs;                          // inserted or replaced
  std::vector<std::pair<std::string, std::string>> events;  // campaign id, payload
  absl::Time time;                                          // of the events
  std::vector<Notification> notifications = {};             // added to the outbox, unless they are there
  // Behind the other events: campaign id, and what makes the payload of the campaign's counts as they are with this
  // change. Called within the transaction, so it must not call the store; called again when the change is tried again.
  std::vector<std::pair<std::string, std::function<std::string(const campaign::Counts&)>>> counting_events = {};
};

// Part of Store; the same holds as for its other calls.
class SchedulerStore {
 public:
  virtual ~SchedulerStore() = default;

  // Returns the sequence number each event got, in order, those of `counting_events` last. Cheap for a run whose
  // evidence has changed little: findings and histograms that are stored already are not written again.
  virtual StatusOr<std::vector<uint32_t>> Apply(const Change& change) = 0;

  virtual StatusOr<std::vector<campaign::Campaign>> UnfinishedCampaigns() = 0;
  // By campaign, then by the numbers of the id ascending ("c-2", "c-2.2", "c-10"; empty campaign: all campaigns), those
  // that come after `after`, at most limit (0: all).
  virtual StatusOr<std::vector<campaign::Run>> ListRuns(const std::string& campaign_id,
                                                        std::optional<campaign::Verdict> verdict,
                                                        const std::string& after, int limit) = 0;

  virtual Status PutHost(const campaign::Host& host) = 0;
  virtual StatusOr<std::vector<campaign::Host>> ListHosts() = 0;
  virtual Status RemoveHost(const std::string& id) = 0;
};

}  // namespace lk::store
