// SPDX-License-Identifier: Apache-2.0
// RCU's stall detector works only during grace periods, but an idle guest requests none.
#pragma once

namespace lk::agent {

// Starts a thread that requests RCU grace periods (membarrier(2), MEMBARRIER_CMD_GLOBAL) until the process exits, one
// per second on a healthy kernel. A CPU that delays a grace period is then reported when the stall timeout expires.
// Does nothing on kernels that reject the command.
void KeepAskingForGracePeriods();

}  // namespace lk::agent
