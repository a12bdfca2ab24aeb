// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include "support/clock.h"

namespace lk {

// Advances only when the test sets `now`.
class TestClock final : public Clock {
 public:
  explicit TestClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now(start) {}
  absl::Time Now() const override { return now; }

  absl::Time now;
};

}  // namespace lk
