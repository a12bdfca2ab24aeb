// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <barrier>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "agent/probes/probes.h"

namespace lk::agent {

// For each i, runs work(i) on a thread bound to cpus[i] (the same CPU may occur more than once); all start at the same
// moment. Skips CPUs that it cannot bind a thread to, after unbound(i, errno). Waits for all threads, and returns how
// many ran.
inline size_t RunPinned(const std::vector<int>& cpus, const std::function<void(size_t index)>& work,
                        const std::function<void(size_t index, int error)>& unbound = {}) {
  std::barrier start(std::ssize(cpus));
  std::atomic<size_t> ran = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(cpus.size());
    for (size_t i = 0; i < cpus.size(); ++i) {
      threads.emplace_back([&, i] {
        const int error = PinToCpu(cpus[i]) ? 0 : errno;
        start.arrive_and_wait();
        if (error != 0) {
          if (unbound) unbound(i, error);
          return;
        }
        ++ran;
        work(i);
      });
    }
  }
  return ran;
}

}  // namespace lk::agent
