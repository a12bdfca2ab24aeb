// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

namespace lk::webhooks {

// From 0 to below 1. Injected, so that tests own chance.
using Chance = std::function<double()>;

// The pause after the `attempts`th attempt (from 1): `first`, doubled each time up to `most`, less up to half of it by
// chance, so that those who failed together do not come again together.
inline absl::Duration Backoff(absl::Duration first, absl::Duration most, uint32_t attempts, double chance) {
  const double doubled = std::exp2(std::min<uint32_t>(attempts - 1, 60));
  return std::min(first * doubled, most) * (1 - chance / 2);
}

}  // namespace lk::webhooks
