// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::agent {

// Makes the guest ready when we are its PID 1, works for the controller until the run is over, and turns the guest off.
// Returns only when it refuses to work (2): outside a VM, or in one that no controller started.
int Boot();

}  // namespace lk::agent
