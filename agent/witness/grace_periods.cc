// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/grace_periods.h"

#include <linux/aio_abi.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace lk::agent {
namespace {

std::atomic<bool> none_works = false;

}  // namespace

bool WaitWithMembarrier(long cpus_online) {
  return cpus_online > 1 && syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
}

bool WaitWithAio() {
  aio_context_t context = 0;
  return syscall(SYS_io_setup, 1, &context) == 0 && syscall(SYS_io_destroy, context) == 0;
}

bool WaitForGracePeriod(std::span<const std::function<bool()>> ways) {
  return std::ranges::any_of(ways, [](const auto& way) { return way(); });
}

void KeepAskingForGracePeriods() {
  // Detached, because it blocks permanently when RCU stalls. Goes on after a failure, which may be a lack of memory.
  std::thread([] {
    const auto membarrier = [] { return WaitWithMembarrier(sysconf(_SC_NPROCESSORS_ONLN)); };
    bool worked = false;
    for (const std::array<std::function<bool()>, 2> ways{membarrier, WaitWithAio};;) {
      worked = WaitForGracePeriod(ways) || worked;
      none_works = !worked;
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }).detach();
}

bool CannotAskForGracePeriods() {
  return none_works;
}

}  // namespace lk::agent
