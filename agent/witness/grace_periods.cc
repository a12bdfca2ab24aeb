// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/grace_periods.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace lk::agent {

void KeepAskingForGracePeriods() {
  // Detached, because it blocks permanently when RCU stalls.
  std::thread([] {
    while (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }).detach();
}

}  // namespace lk::agent
