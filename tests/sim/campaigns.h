// SPDX-License-Identifier: Apache-2.0
// The campaigns of the simulation.
#pragma once

#include <functional>
#include <string>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {

// Some runs are controls, on one of two profiles or on both, in the order that chance gives them; some of those cannot
// run.
inline CampaignAdded RandomCampaign(const std::string& id, absl::Time now, const std::function<bool(double)>& chance) {
  CampaignAdded added = MakeCampaign(id, 5);
  campaign::CampaignSpec& spec = added.campaign.spec;
  added.campaign.created = now;
  spec.max_parallel = 3;
  spec.retries_error = 2;
  spec.retries_fail = chance(0.5) ? 1 : 0;
  spec.hang_nmi = chance(0.7);
  spec.hang_dump = chance(0.3);
  if (chance(0.2)) spec.deadline = absl::Minutes(3);
  spec.positive_controls = chance(0.3) ? campaign::PositiveControls::kRequire : campaign::PositiveControls::kAuto;
  spec.profiles.push_back(spec.profiles[0]);
  spec.profiles[1].name = "other";
  const double controls = chance(0.3) ? 0 : 0.3;
  for (Run& run : added.runs) {
    if (chance(0.3)) run.profile = "other";
    run.control = chance(controls);
    if (!run.control || !chance(0.1)) continue;
    run.state = campaign::RunState::kDone;
    run.verdict = campaign::Verdict::kSkip;
  }
  return added;
}

}  // namespace lk::scheduler
