// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/clock.h>
#include <absl/time/time.h>

namespace lk {

// Time is passed in, so that simulation and tests own it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace lk
