// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "agent/scenarios/iommu_invalidation/disks.h"
#include "agent/scenarios/iommu_invalidation/stuck.h"
#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent::iommu_invalidation {

struct IoShape {
  uint64_t request = 4096;  // bytes, a multiple of 512
  unsigned depth = 4;       // requests in flight
  bool writes = true;       // half of the requests are writes, on average
  absl::Duration patience;  // how long to wait for a request once time is up or the disk has been removed
};

// The requests of one thread; other threads may look at any time.
struct Requests {
  std::atomic<uint64_t> completed = 0;
  std::atomic<unsigned> in_flight = 0;

  Work Now() const { return {completed, in_flight}; }
};

// Does direct I/O with small random requests on these disks from the calling thread, through its own ring
// (io_uring(7)), until time is up. Records latencies in the probe io_latency. Checks what it reads (stamps.h). Counts
// requests that fail, or read something else, as requests_failed; but once `removed` is set, the first one that fails
// ends the I/O instead. If none completes for shape.patience after that, or after time is up, the rest is left in
// flight. Errors: UNIMPLEMENTED (the kernel has no io_uring, or does not allow it), INTERNAL (no ring, or it cannot be
// used any more; no request counts as in flight then).
Status DoDirectIo(Context& context, std::span<const Disk> disks, const IoShape& shape, uint32_t seed,
                  Requests& requests, const std::atomic<bool>& removed);

}  // namespace lk::agent::iommu_invalidation
