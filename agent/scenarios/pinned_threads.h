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

// Runs work(i) on a thread bound to cpus[i], for each of them (a CPU may be named more than once); all begin at the
// same moment. Returns when all have returned: on how many CPUs it ran, those that are not there left out.
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
