// SPDX-License-Identifier: Apache-2.0
// Strangers must not fill lkd's log: one line a second, which tells how many were left out.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "support/mutex.h"

namespace lk::api {

class Complaints {
 public:
  // How many lines were left out before this one; nothing: leave this one out, too. Any thread.
  std::optional<uint64_t> Speak(absl::Time now) {
    const MutexLock lock(&mutex_);
    if (now - last_ < absl::Seconds(1)) {
      ++left_out_;
      return std::nullopt;
    }
    last_ = now;
    return std::exchange(left_out_, 0);
  }

 private:
  Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lk::api
