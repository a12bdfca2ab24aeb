// SPDX-License-Identifier: Apache-2.0
// How fast the kernel accepts memory, according to "Unaccepted:" in /proc/meminfo.
#pragma once

#include <cstdint>
#include <vector>

namespace lk::agent::unaccepted_memory {

struct Sample {
  uint64_t ns = 0;          // CLOCK_MONOTONIC
  uint64_t unaccepted = 0;  // bytes
};

// Returns the bytes accepted per second between the first and the last decrease of Unaccepted: before the first, the
// kernel hands out memory that it had already accepted; after the last, none is left. 0 with fewer than two decreases,
// or if Unaccepted has risen in between.
double AcceptanceRate(const std::vector<Sample>& samples);

}  // namespace lk::agent::unaccepted_memory
