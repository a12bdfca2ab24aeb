// SPDX-License-Identifier: Apache-2.0
// System calls that cause cross-CPU calls.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "agent/session/context.h"

namespace lk::agent::ipi_low_memory {

// The expedited forms of membarrier(2) that this kernel supports, registered for this process.
class Membarrier {
 public:
  Membarrier();
  bool any() const { return !commands_.empty(); }
  // Uses the forms in turn.
  void Call(size_t turn) const;

 private:
  std::vector<int> commands_;
};

// A private page. When it is write-protected or unmapped, the kernel flushes it from the TLB of each CPU that runs a
// thread of this process.
class Shootdown {
 public:
  Shootdown() = default;
  Shootdown(const Shootdown&) = delete;
  Shootdown& operator=(const Shootdown&) = delete;
  ~Shootdown() { Unmap(); }
  // Maps a page and touches it. Returns false if that fails.
  bool Prepare();
  // Causes the TLB flush. This is the part to time.
  void Call(size_t turn);

 private:
  void Unmap();
  void* page_ = nullptr;
};

// Opens, reads and closes a perf event that counts another CPU's clock. The kernel performs each step on that CPU
// (kernel/events/core.c). Returns false on failure.
bool CountOnCpu(int cpu);

}  // namespace lk::agent::ipi_low_memory
