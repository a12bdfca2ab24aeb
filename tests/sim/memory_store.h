// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/core.h"
#include "server/store/scheduler_store.h"

namespace lk::sim {

// The data that lkd has stored. It outlives lkd.
class MemoryStore final : public store::SchedulerStore {
 public:
  // Called with each accepted change, whose `events` then also contain its `counting_events`.
  std::function<void(const store::Change&)> on_change;
  // Whether the store accepts the next write.
  std::function<bool()> takes = [] { return true; };

  std::map<std::string, campaign::Campaign> campaigns;
  std::map<std::string, campaign::Run> runs;
  std::map<std::string, campaign::Host> hosts;

  StatusOr<std::vector<uint32_t>> Apply(const store::Change& change) override {
    if (!takes()) return Locked();
    for (const campaign::Campaign& campaign : change.campaigns) campaigns[campaign.id] = campaign;
    for (const campaign::Run& run : change.runs) runs[run.id] = run;
    store::Change taken = change;
    for (const auto& [id, payload] : taken.counting_events) taken.events.emplace_back(id, payload(CountRuns(id)));
    if (on_change) on_change(taken);
    return std::vector<uint32_t>(taken.events.size());
  }
  StatusOr<std::vector<campaign::Campaign>> UnfinishedCampaigns() override {
    std::vector<campaign::Campaign> unfinished;
    for (const auto& [id, campaign] : campaigns) {
      if (campaign.verdict) continue;
      unfinished.push_back(campaign);
      unfinished.back().spec = {};  // lkd must parse the campaign file again
    }
    return unfinished;
  }
  StatusOr<std::vector<campaign::Run>> ListRuns(const std::string& campaign_id, std::optional<campaign::Verdict>,
                                                const std::string&, int) override {
    std::vector<campaign::Run> found;
    for (const auto& [id, run] : runs) {
      if (run.campaign_id == campaign_id) found.push_back(run);
    }
    return found;
  }
  Status PutHost(const campaign::Host& host) override {
    if (!takes()) return Locked();
    hosts[host.id] = host;
    return absl::OkStatus();
  }
  StatusOr<std::vector<campaign::Host>> ListHosts() override {
    std::vector<campaign::Host> list;
    for (const auto& [id, host] : hosts) list.push_back(host);
    return list;
  }
  Status RemoveHost(const std::string& id) override {
    if (!takes()) return Locked();
    hosts.erase(id);
    return absl::OkStatus();
  }

 private:
  campaign::Counts CountRuns(const std::string& campaign_id) {
    return campaign::Count(ListRuns(campaign_id, std::nullopt, "", 0).value());
  }
  static Status Locked() { return absl::UnavailableError("the store is locked"); }
};

}  // namespace lk::sim
