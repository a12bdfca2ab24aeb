// SPDX-License-Identifier: Apache-2.0
// Running a campaign again.
#pragma once

#include <vector>

#include "server/campaign/types.h"

namespace lk::campaign {

// The kernels of a campaign's runs, by id, in the order of the matrix.
std::vector<std::string> KernelsOf(const std::vector<Run>& runs);

// Of `expanded`, a campaign's new runs, those that are to be made again, each with the seed that its like had among the
// `earlier` ones. `failed`: only those of cells (kernel, profile, scenario) of which a run did not pass and was not
// skipped, or was cancelled, or whose mutant was not killed; with the controls of their scenarios.
std::vector<Run> Again(const std::vector<Run>& earlier, std::vector<Run> expanded, bool failed);

}  // namespace lk::campaign
