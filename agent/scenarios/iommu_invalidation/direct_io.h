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
  unsigned depth = 4;       // requests under way at a time
  bool writes = true;       // every other request, on average
};

// Direct I/O with random small requests on all these disks from the calling thread, through a ring of its own
// (io_uring(7)), until the duration is over. Counts completions in `completed`, latencies in the probe io_latency.
// Errors: UNIMPLEMENTED: the kernel has no io_uring, or does not let us; INTERNAL: a request failed.
Status DoDirectIo(Context& context, const std::vector<Disk>& disks, const IoShape& shape, uint32_t seed,
                  std::atomic<uint64_t>& completed);

}  // namespace lk::agent::iommu_invalidation
