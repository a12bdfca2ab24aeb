// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>

#include "support/status.h"

namespace lk::agent::unaccepted_memory {

// The platform that requires acceptance: hardware for confidential guests, or the lab kernel's emulation (emulation.c).
class Platform {
 public:
  // Errors: FAILED_PRECONDITION (nothing to accept; the message says what is missing), those of reading sysfs.
  static StatusOr<Platform> Find();

  bool emulated() const { return emulated_; }
  // Granularity of acceptance in bytes. 0 on hardware, which does not report it.
  uint64_t unit() const { return unit_; }
  // Sets the emulated time to accept 4 KiB; does nothing on hardware. Errors: those of write(2).
  Status SetCost(absl::Duration per_page) const;

 private:
  Platform(bool emulated, uint64_t unit) : emulated_(emulated), unit_(unit) {}

  bool emulated_;
  uint64_t unit_;
};

}  // namespace lk::agent::unaccepted_memory
