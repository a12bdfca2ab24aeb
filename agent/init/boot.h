// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::agent {

// Sets the guest up if this process is PID 1, serves lkd until the run is over, and powers the guest off. Returns only
// if it refuses to run (with 2: outside a VM, or in a VM that lkd did not start) or if powering off fails.
int Boot();

}  // namespace lk::agent
