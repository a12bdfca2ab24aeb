// SPDX-License-Identifier: Apache-2.0
// Starts campaigns: checks the file, assigns an id and a seed, expands the campaign into runs and passes it with
// its runs to the scheduler.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/spec.h"
#include "server/campaign/types.h"
#include "server/store/store.h"
#include "support/clock.h"
#include "support/status.h"

namespace lk::campaigns {

struct StartRequest {
  std::string spec_yaml;
  std::vector<std::string> overrides = {};  // as in campaign::Campaign
  std::string id = {};                      // of the campaign; if empty, a new id is assigned
  bool validate_only = false;               // only check the file
};

struct Started {
  campaign::Campaign campaign;  // has no id if the file was only checked
  campaign::Counts counts;
  std::vector<std::string> notes = {};  // kernels without runs, each with the reason; ended known problems
};

using Mistakes = std::vector<campaign::SpecError>;

class Starter {
 public:
  // Passes the campaign and its runs to the scheduler, which stores them. Returns false if they have not been stored in
  // time; they may still be stored later. May block.
  using HandOver = std::function<bool(campaign::Campaign, std::vector<campaign::Run>)>;

  // `notify_targets`: names of the configured targets. `random_hex(bytes)`: see campaign::Expand.
  Starter(store::Store& store, HandOver hand_over, const campaign::Descriptors& descriptors,
          std::set<std::string> notify_targets, const Clock& clock, std::function<std::string(size_t)> random_hex);

  // "c", seven base-32 digits for the time in seconds (enough for a thousand years) and four random characters. Ids
  // sort by creation time.
  std::string NewId(absl::Time now) const;

  // Start and Rerun block. `mistakes` receives the mistakes in the campaign file, in file order. Errors:
  // INVALID_ARGUMENT (the file); RESOURCE_EXHAUSTED (too many unfinished campaigns); UNAVAILABLE (not stored yet);
  // those of the store.
  StatusOr<Started> Start(const StartRequest& request, Mistakes& mistakes) const;
  // Repeats a campaign that has ended, with the same kernels and seeds; `failed` as in campaign::RunsToRepeat. `prefix`
  // is a prefix of the campaign's id. Additional errors: NOT_FOUND, FAILED_PRECONDITION (not finished, a kernel has
  // been removed, nothing to run).
  StatusOr<Started> Rerun(const std::string& prefix, bool failed, Mistakes& mistakes) const;

 private:
  campaign::Campaign New() const;
  // Parses the campaign's file with the overrides, and checks everything except the kernels.
  campaign::SpecResult Parse(const campaign::Campaign& campaign) const;
  std::vector<campaign::Run> Expand(const campaign::Campaign& campaign,
                                    const std::vector<campaign::KernelBuild>& kernels) const;
  // Checks the limits, then hands the campaign over, unless it has no id because only the file is to be checked.
  StatusOr<Started> Begin(campaign::Campaign campaign, std::vector<campaign::Run> runs, Mistakes& mistakes) const;

  store::Store& store_;
  const HandOver hand_over_;
  const campaign::Descriptors& descriptors_;
  const std::set<std::string> notify_targets_;
  const Clock& clock_;
  const std::function<std::string(size_t)> random_hex_;
};

// For one-line messages: appends the first mistake to the message.
Status WithFirst(const Status& status, const Mistakes& mistakes);

}  // namespace lk::campaigns
