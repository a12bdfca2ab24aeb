// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <string>

#include "agent/init/config.h"
#include "support/status.h"

namespace lk::agent {

// Brings up lo. If an address is configured, also waits for an Ethernet interface to appear, brings up the first one,
// sets its address and the default route, and waits for its link. `timeout` limits both waits together. Returns the
// name of the Ethernet interface, or "lo" if no address is configured.
// Errors: DEADLINE_EXCEEDED (no interface, no link), those of the system calls.
StatusOr<std::string> BringUpNetwork(const Config& config, absl::Duration timeout);

}  // namespace lk::agent
