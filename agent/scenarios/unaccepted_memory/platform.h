// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>

#include "support/status.h"

namespace lk::agent::unaccepted_memory {

// The page allocator accepts memory in chunks of this size: MAX_PAGE_ORDER (mm/page_alloc.c).
inline constexpr uint64_t kAllocatorChunk = 4 << 20;

// What the lab kernel has counted since it booted (emulation.c, harness.c).
struct Account {
  uint64_t accepted = 0;         // bytes
  uint64_t accepted_twice = 0;   // units
  uint64_t used_unaccepted = 0;  // pages
  uint64_t retries = 0;
  uint64_t most_cpus = 0;  // that accepted memory simultaneously
  absl::Duration boot;     // from the first acceptance while booting to the last
};

// The platform that requires acceptance: hardware for confidential guests, or the lab kernel's emulation (emulation.c).
class Platform {
 public:
  // Errors: FAILED_PRECONDITION (nothing to accept; the message says what is missing), NOT_FOUND (the lab kernel does
  // not count what this agent judges).
  static StatusOr<Platform> Find();

  bool emulated() const { return emulated_; }
  // Whether the kernel accepted all memory while booting (accept_memory=eager); always false on hardware.
  bool eager() const { return eager_; }
  // Whether the kernel counts retries and pages used unaccepted (harness.c).
  bool harness() const { return harness_; }
  // Granularity of acceptance in bytes. 0 on hardware, which does not report it.
  uint64_t unit() const { return unit_; }
  // Bytes that are accepted for an allocation: a chunk of the page allocator, or a unit if that is larger.
  uint64_t step() const;
  // Sets the emulated time to accept step() bytes; does nothing on hardware. Errors: those of write(2).
  Status SetCost(absl::Duration per_step) const;
  // The emulated time to accept step() bytes. 0 on hardware.
  absl::Duration Cost() const;
  // All 0 on hardware.
  Account Read() const;
  // Sets most_cpus back to 0. Errors: those of write(2).
  Status ResetMostCpus() const;

 private:
  bool emulated_ = false, eager_ = false, harness_ = false;
  uint64_t unit_ = 0;
};

}  // namespace lk::agent::unaccepted_memory
