// SPDX-License-Identifier: Apache-2.0
// Starts campaigns: checks the file, gives an id and a seed, expands it into runs and hands them over to be run.
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
  std::vector<std::string> overrides = {};  // as campaign::Campaign has them
  std::string id = {};                      // the campaign's; "": a new one
  bool validate_only = false;               // check it and start nothing
};

struct Started {
  campaign::Campaign campaign;  // without id: it was only to be checked
  campaign::Counts counts;
  std::vector<std::string> notes = {};  // kernels that make no run, each with the reason
};

using Mistakes = std::vector<campaign::SpecError>;

class Starter {
 public:
  // Takes a campaign that is to be run. False: it is not stored yet, though it may be soon. May block.
  using HandOver = std::function<bool(campaign::Campaign, std::vector<campaign::Run>)>;

  // `notify_targets`: those that lkd is configured with. `random_hex(bytes)`: as campaign::Expand takes it.
  Starter(store::Store& store, HandOver hand_over, const campaign::Descriptors& descriptors,
          std::set<std::string> notify_targets, const Clock& clock, std::function<std::string(size_t)> random_hex);

  // "c", seven characters of seconds (good for a thousand years), four of chance: ascending in time.
  std::string NewId(absl::Time now) const;

  // Both block, and fill `mistakes`, in order of place, where the campaign file is wrong. Errors: INVALID_ARGUMENT (the
  // file); RESOURCE_EXHAUSTED (too many campaigns are unfinished); UNAVAILABLE (not stored yet); those of the store.
  StatusOr<Started> Start(const StartRequest& request, Mistakes& mistakes) const;
  // A finished campaign with its kernels and seeds, or only what `failed` of it (see campaign::Again). `prefix`: of its
  // id. Errors beside those above: NOT_FOUND, FAILED_PRECONDITION (not finished, a kernel was removed, nothing to run).
  StatusOr<Started> Rerun(const std::string& prefix, bool failed, Mistakes& mistakes) const;

 private:
  campaign::Campaign New() const;
  // The campaign's file with its overrides, all but its kernels checked.
  campaign::SpecResult Parse(const campaign::Campaign& campaign) const;
  std::vector<campaign::Run> Expand(const campaign::Campaign& campaign,
                                    const std::vector<campaign::KernelBuild>& kernels) const;
  // Hands the campaign over if it has an id.
  StatusOr<Started> Begin(campaign::Campaign campaign, std::vector<campaign::Run> runs, Mistakes& mistakes) const;

  store::Store& store_;
  const HandOver hand_over_;
  const campaign::Descriptors& descriptors_;
  const std::set<std::string> notify_targets_;
  const Clock& clock_;
  const std::function<std::string(size_t)> random_hex_;
};

// For where there is room for one line: the first mistake goes into the message.
Status WithFirst(const Status& status, const Mistakes& mistakes);

}  // namespace lk::campaigns
