// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include "support/clock.h"

namespace lk::api {

// Time stands still: however slow the machine, what is sent is sent within a second.
class StoppedClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch(); }
};

}  // namespace lk::api
