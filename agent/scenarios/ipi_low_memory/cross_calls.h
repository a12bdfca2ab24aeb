// SPDX-License-Identifier: Apache-2.0
// System calls that make the kernel call other CPUs.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// membarrier(2) in its expedited forms: those that this kernel has, registered for this process.
class Membarrier {
 public:
  Membarrier();
  bool any() const { return !commands_.empty(); }
  // The turn-th form, round and round.
  void Call(size_t turn) const;

 private:
  std::vector<int> commands_;
};

// A page of the caller's own. Taking rights away makes the kernel flush it from the TLB of each CPU that runs a thread
// of this process, and so does unmapping it.
class Shootdown {
 public:
  Shootdown() = default;
  Shootdown(const Shootdown&) = delete;
  Shootdown& operator=(const Shootdown&) = delete;
  ~Shootdown() { Unmap(); }
  // Maps a page and touches it. False: there is no memory for it.
  bool Prepare();
  // The part to be timed.
  void Call(size_t turn);

 private:
  void Unmap();
  void* page_ = nullptr;
};

// Counts the time of another CPU, reads the count and stops: the kernel does each of it on that CPU
// (kernel/events/core.c). False: it cannot.
bool CountOnCpu(int cpu);

}  // namespace lk::agent::ipi_low_memory
