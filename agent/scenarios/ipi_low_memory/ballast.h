// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "support/status.h"

namespace lk::agent::ipi_low_memory {

inline constexpr uint64_t kBallastChunk = 2 << 20;

// Chunks to take (above 0) or to give back (below) so that so much memory stays available: never more than 128 MiB at a
// time, so that what others do meanwhile is seen, and none within a chunk of the floor.
int64_t ChunksToTake(uint64_t available, uint64_t floor);

// Locked memory, held by a process of its own, that grows and shrinks so that MemAvailable stays at the floor: in a
// cgroup of its own where there are any, and passed over by the OOM killer. Goes with the object, or with its maker.
class Ballast {
 public:
  // Errors: what the system calls say.
  static StatusOr<std::unique_ptr<Ballast>> Start(uint64_t floor);
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  ~Ballast();

  // Bytes held now.
  uint64_t held() const { return shared_->load(std::memory_order_relaxed); }

 private:
  Ballast(pid_t pid, std::atomic<uint64_t>* shared) : pid_(pid), shared_(shared) {}

  const pid_t pid_;
  std::atomic<uint64_t>* const shared_;  // a mapping that both processes have
};

}  // namespace lk::agent::ipi_low_memory
