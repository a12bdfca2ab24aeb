// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

namespace lk::webhooks {

// Returns a random number in [0, 1). Injected, so that tests control it.
using Chance = std::function<double()>;

// The delay after attempt number `attempts` (counted from 1). It starts at `first`, doubles up to `most`, and is
// reduced at random by up to half, so that attempts that failed together are not retried together.
inline absl::Duration Backoff(absl::Duration first, absl::Duration most, uint32_t attempts, double chance) {
  const double doubled = std::exp2(std::min<uint32_t>(attempts - 1, 60));
  return std::min(first * doubled, most) * (1 - chance / 2);
}

}  // namespace lk::webhooks
