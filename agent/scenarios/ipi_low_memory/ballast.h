// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "support/status.h"

namespace lk::agent::ipi_low_memory {

inline constexpr uint64_t kBallastChunk = 2 << 20;

// Returns the number of chunks to take (positive) or to release (negative) so that `floor` stays available. Takes at
// most 128 MiB at a time, so that changes by other processes are noticed in between, and nothing if less than a chunk
// is available above the floor.
int64_t ChunksToTake(uint64_t available, uint64_t floor);

// Locked memory in a separate process that grows and shrinks to keep MemAvailable at the floor. The process has its own
// cgroup if the kernel has cgroups, and is exempt from the OOM killer. It is killed when the object is destroyed or
// when this process exits.
class Ballast {
 public:
  // Errors: FAILED_PRECONDITION (no memory is available above the floor), those of the system calls.
  static StatusOr<std::unique_ptr<Ballast>> Start(uint64_t floor);
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  ~Ballast();

  // Bytes currently held.
  uint64_t held() const { return shared_->load(std::memory_order_relaxed); }

 private:
  Ballast(pid_t pid, std::atomic<uint64_t>* shared) : pid_(pid), shared_(shared) {}

  const pid_t pid_;
  std::atomic<uint64_t>* const shared_;  // a mapping shared by both processes
};

}  // namespace lk::agent::ipi_low_memory
