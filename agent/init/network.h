// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <string>

#include "agent/init/config.h"
#include "support/status.h"

namespace lk::agent {

// Brings up lo and the first Ethernet interface, waiting up to `timeout` for it to appear and to have a link, and gives
// it the configured address and default route. Returns its name.
// Errors: DEADLINE_EXCEEDED (no interface, no link), what the ioctls say.
StatusOr<std::string> BringUpNetwork(const Config& config, absl::Duration timeout);

}  // namespace lk::agent
