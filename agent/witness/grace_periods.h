// SPDX-License-Identifier: Apache-2.0
// RCU's stall detector looks while a grace period is under way, and an idle guest asks for none.
#pragma once

namespace lk::agent {

// From now on, and as long as the process lives, somebody waits for a grace period of RCU: one a second where all is
// well (membarrier(2), MEMBARRIER_CMD_GLOBAL). A CPU that holds them up is then reported within the stall timeout.
// Kernels that refuse the command are left as they are.
void KeepAskingForGracePeriods();

}  // namespace lk::agent
