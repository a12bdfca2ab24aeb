// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/campaign/types.h"

namespace lk::campaign {

// A campaign file that makes a run of the campaign again, once and alone: its kernel by id, its profile and its
// scenario as the campaign's own file has them, its seed; without positive controls, retries and notices. Error:
// INVALID_ARGUMENT (the campaign's file has no such profile or scenario, or is none).
StatusOr<std::string> OnlyRun(const Campaign& campaign, const Run& run);

}  // namespace lk::campaign
