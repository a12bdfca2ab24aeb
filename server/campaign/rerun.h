// SPDX-License-Identifier: Apache-2.0
// Rerunning a campaign.
#pragma once

#include <vector>

#include "server/campaign/types.h"

namespace lk::campaign {

// The ids of the kernels in a campaign's runs, in the order of the matrix.
std::vector<std::string> KernelsOf(const std::vector<Run>& runs);

// Given `expanded`, all possible runs of the new campaign, returns those to make, each with the seed that the same run
// had in `earlier`. With `failed`, these are only the runs of cells (kernel, profile, scenario) in which an earlier run
// was cancelled, neither passed nor was skipped, or was a control whose mutant survived or is undecided, and all
// controls of the scenarios of those cells with their siblings.
std::vector<Run> RunsToRepeat(const std::vector<Run>& earlier, std::vector<Run> expanded, bool failed);

}  // namespace lk::campaign
