// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>

#include "support/status.h"

namespace lk::agent::unaccepted_memory {

// Who has the memory accepted: the hardware of a confidential guest, or the lab kernel's emulation (emulation.c).
class Platform {
 public:
  // Error: FAILED_PRECONDITION: there is nothing to accept, and what is missing.
  static StatusOr<Platform> Find();

  bool emulated() const { return emulated_; }
  // Bytes that are accepted at once; 0: hardware does not say.
  uint64_t unit() const { return unit_; }
  // Emulated time that 4 KiB take from now on; nothing on hardware. Errors: what write(2) says.
  Status SetCost(absl::Duration per_page) const;

 private:
  Platform(bool emulated, uint64_t unit) : emulated_(emulated), unit_(unit) {}

  bool emulated_;
  uint64_t unit_;
};

}  // namespace lk::agent::unaccepted_memory
