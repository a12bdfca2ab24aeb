// SPDX-License-Identifier: Apache-2.0
// RCU's stall detector works only during grace periods, but an idle guest requests none.
#pragma once

#include <functional>
#include <span>

namespace lk::agent {

// Starts a thread that requests RCU grace periods until the process exits, one per second on a healthy kernel. A CPU
// that delays a grace period is then reported when the stall timeout expires.
void KeepAskingForGracePeriods();
// Whether that thread has tried to request a grace period, but has found no way to do so.
bool CannotAskForGracePeriods();

// Ways to wait for a grace period. They return false if the kernel does not support them.
//
// membarrier(2), MEMBARRIER_CMD_GLOBAL. Kernels that run with nohz_full= reject it, and with one CPU online it returns
// without a grace period.
bool WaitWithMembarrier(long cpus_online);
// io_destroy(2): a context ends several grace periods after its last use (kill_ioctx() in fs/aio.c). A request that
// does not wait, such as freeing a task, would not do: with CONFIG_RCU_LAZY it can take longer than 10 s until its
// grace period begins.
bool WaitWithAio();

// Waits in the first of these ways that works. Returns false if none does.
bool WaitForGracePeriod(std::span<const std::function<bool()>> ways);

}  // namespace lk::agent
