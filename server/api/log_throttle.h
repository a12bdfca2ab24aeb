// SPDX-License-Identifier: Apache-2.0
// Keeps unauthenticated peers from filling lkd's log: at most one line per second, with the number of lines dropped.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "support/mutex.h"

namespace lk::api {

class LogThrottle {
 public:
  // Returns the number of lines dropped since the last one logged, or nullopt if this line must be dropped, too.
  // Thread-safe.
  std::optional<uint64_t> Take(absl::Time now) {
    const MutexLock lock(&mutex_);
    if (now - last_ < absl::Seconds(1)) {
      ++dropped_;
      return std::nullopt;
    }
    last_ = now;
    return std::exchange(dropped_, 0);
  }

 private:
  Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lk::api
