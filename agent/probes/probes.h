// SPDX-License-Identifier: Apache-2.0
// Latency probes. Each runs on the calling thread (and helpers it joins before it returns) until `until`, a time of
// CLOCK_MONOTONIC, and gives every latency it takes to `record`.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::agent {

using RecordNs = std::function<void(uint64_t ns)>;

// Nanoseconds of CLOCK_MONOTONIC.
uint64_t MonotonicNs();
// CPUs that are online and that we may run on.
std::vector<int> UsableCpus();
// Binds the calling thread to a CPU. False: it is not there (any more).
bool PinToCpu(int cpu);

// How late a sleep to an absolute time ends, at SCHED_FIFO on one CPU, each `period` (what cyclictest measures).
Status ProbeTimerWakeup(int cpu, absl::Duration period, uint64_t until, const RecordNs& record);

// Round trip of interrupts to all other CPUs in `cpus`: membarrier(2) PRIVATE_EXPEDITED from the first of them while
// threads of ours run on the others. Errors: FAILED_PRECONDITION (under two CPUs), UNIMPLEMENTED (no membarrier).
Status ProbeIpiRoundTrip(const std::vector<int>& cpus, absl::Duration period, uint64_t until, const RecordNs& record);

// First touch of an anonymous 4 KiB page: fault, allocation, zeroing, mapping.
Status ProbePageFault(int cpu, uint64_t until, const RecordNs& record);

// From waking a thread to its first instruction: two threads, on two CPUs, wake each other in turn through eventfd(2).
Status ProbeSchedWakeup(int cpu_a, int cpu_b, uint64_t until, const RecordNs& record);

}  // namespace lk::agent
