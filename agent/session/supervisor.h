// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/init/config.h"
#include "support/status.h"

namespace lk::agent {

// Serves the controller until the run is over: keeps the session open, streams the kernel log, and supervises the
// worker. `hypervisor` is sent in Hello. Returns the reason to power off. Error: /dev/kmsg cannot be opened.
StatusOr<std::string> Supervise(const Config& config, const std::string& ca_pem, const std::string& hypervisor);

}  // namespace lk::agent
