// SPDX-License-Identifier: Apache-2.0
// Latency probes. Each runs on the calling thread (and on helper threads that it joins before it returns) until
// `until`, a CLOCK_MONOTONIC time, and passes every measured latency to `record`.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::agent {

using RecordNs = std::function<void(uint64_t ns)>;

// Returns CLOCK_MONOTONIC in nanoseconds.
uint64_t MonotonicNs();
// Returns the online CPUs that this process may run on.
std::vector<int> UsableCpus();
// Binds the calling thread to a CPU. Returns false if the CPU does not exist or is offline.
bool PinToCpu(int cpu);

// Measures how late a sleep until an absolute time ends, at SCHED_FIFO on one CPU, once per `period` (like cyclictest).
Status ProbeTimerWakeup(int cpu, absl::Duration period, uint64_t until, const RecordNs& record);

// Measures the round trip of interrupts to all other CPUs in `cpus`: membarrier(2) PRIVATE_EXPEDITED on the first CPU
// while threads of this process run on the others. Errors: FAILED_PRECONDITION (fewer than two CPUs), UNIMPLEMENTED (no
// membarrier).
Status ProbeIpiRoundTrip(const std::vector<int>& cpus, absl::Duration period, uint64_t until, const RecordNs& record);

// Measures the first touch of an anonymous page: fault, allocation, zeroing, mapping.
Status ProbePageFault(int cpu, uint64_t until, const RecordNs& record);

// Measures the time from waking a thread until it runs: two threads on two CPUs wake each other in turn with
// eventfd(2).
Status ProbeSchedWakeup(int cpu_a, int cpu_b, uint64_t until, const RecordNs& record);

}  // namespace lk::agent
