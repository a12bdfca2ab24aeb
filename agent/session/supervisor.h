// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/init/config.h"
#include "support/status.h"

namespace lk::agent {

// Works for the controller until the run is over: holds the session, streams the kernel's log, watches over the worker.
// Returns why to power off. Errors: what the system calls it cannot do without say. `hypervisor` as in Hello.
StatusOr<std::string> Supervise(const Config& config, const std::string& ca_pem, const std::string& hypervisor);

}  // namespace lk::agent
