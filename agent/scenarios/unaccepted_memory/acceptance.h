// SPDX-License-Identifier: Apache-2.0
// How fast the kernel accepts memory, told by "Unaccepted:" in /proc/meminfo.
#pragma once

#include <cstdint>
#include <vector>

namespace lk::agent::unaccepted_memory {

struct Sample {
  uint64_t ns = 0;          // CLOCK_MONOTONIC
  uint64_t unaccepted = 0;  // bytes
};

// Bytes in a second, from the first time that Unaccepted fell to the last: before it the kernel hands out what it had
// accepted already, after it there is nothing left. 0: it fell less than twice.
double AcceptanceRate(const std::vector<Sample>& samples);

}  // namespace lk::agent::unaccepted_memory
