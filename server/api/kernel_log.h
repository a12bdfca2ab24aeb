// SPDX-License-Identifier: Apache-2.0
// Detection over the kernel log as an agent streams it.
#pragma once

#include <absl/time/time.h>

#include <vector>

#include "server/detect/engine.h"
#include "server/scheduler/core.h"
#include "support/mutex.h"

namespace lk::v1 {
class KernelLog;
}

namespace lk::api {

// The log of one boot; outlives a session, since records go on where they stopped. Thread-safe: a session that is being
// replaced may have a word left.
class KernelLogReader {
 public:
  explicit KernelLogReader(std::vector<detect::InvariantLiteral> invariants);

  // What the records complete.
  scheduler::KmsgSeen Read(const v1::KernelLog& log, absl::Time now);
  // Closes the report being read, if any, and gives it: always, or when the log has been quiet for a while.
  std::vector<detect::Finding> Flush();
  std::vector<detect::Finding> FlushIfQuiet(absl::Time now);

 private:
  std::vector<detect::Finding> FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  scheduler::KmsgSeen seen_ ABSL_GUARDED_BY(mutex_);
  bool fed_ ABSL_GUARDED_BY(mutex_) = false;  // since the last flush
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  detect::Engine engine_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lk::api
