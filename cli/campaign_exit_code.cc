// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"
#include "lk/v1/campaign.pb.h"

namespace lk::cli {

int ExitCodeOf(const v1::Campaign& campaign) {
  const v1::Counts& counts = campaign.counts();
  if (counts.fail() > 0) return kFailed;
  const bool unproven = counts.error() + counts.miss() + counts.unproven() > 0 || campaign.verdict() == "unproven";
  if (unproven || campaign.state() == "cancelled") return kNotProven;
  return kPassed;
}

}  // namespace lk::cli
