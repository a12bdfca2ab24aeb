// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent::iommu_invalidation {

struct IoShape {
  uint64_t request = 4096;  // bytes, a multiple of 512
  unsigned depth = 4;       // requests in flight
  bool writes = true;       // half of the requests are writes, on average
};

// Does direct I/O with small random requests on these disks from the calling thread, through its own ring
// (io_uring(7)), until time is up. Counts completions in `completed` and records latencies in the probe io_latency.
// Errors: UNIMPLEMENTED (the kernel has no io_uring, or does not allow it), INTERNAL (a request failed).
Status DoDirectIo(Context& context, const std::vector<Disk>& disks, const IoShape& shape, uint32_t seed,
                  std::atomic<uint64_t>& completed);

}  // namespace lk::agent::iommu_invalidation
