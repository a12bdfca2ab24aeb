// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/campaign/types.h"

namespace lk::campaign {

// A campaign file that repeats a single run of the campaign, with the run's kernel (by id), profile and scenario (as in
// the campaign's own file) and seed. The file has no positive controls or notifications, and the default retries.
// Error: INVALID_ARGUMENT (the campaign's own file has no such profile or scenario, or cannot be read).
StatusOr<std::string> OnlyRun(const Campaign& campaign, const Run& run);

}  // namespace lk::campaign
