// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "agent/probes/probes.h"

namespace lk::agent {

// For each i, runs work(i) on a thread bound to cpus[i] (the same CPU may occur more than once); all start at the same
// moment. Skips CPUs that do not exist. Waits for all threads, and returns how many ran.
inline size_t RunPinned(const std::vector<int>& cpus, const std::function<void(size_t index)>& work) {
  std::barrier start(std::ssize(cpus));
  std::atomic<size_t> ran = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(cpus.size());
    for (size_t i = 0; i < cpus.size(); ++i) {
      threads.emplace_back([&, i] {
        const bool bound = PinToCpu(cpus[i]);
        start.arrive_and_wait();
        if (!bound) return;
        ++ran;
        work(i);
      });
    }
  }
  return ran;
}

}  // namespace lk::agent
