// SPDX-License-Identifier: Apache-2.0
// Detection over the kernel log as an agent streams it.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/detect/engine.h"
#include "support/mutex.h"

namespace lk::console {

struct KernelLogOptions {
  std::vector<detect::InvariantLiteral> invariants;
  absl::Duration quiet = absl::Seconds(3);  // a report is closed after this much silence
  // Adds what is known of a finding beside the log, its source lines; may be empty.
  std::function<void(detect::Finding&)> locate = {};
};

// What records, or their end, complete.
struct KernelLogNews {
  std::vector<detect::Finding> findings;  // with offsets 0: they are not on the console's record
  std::optional<std::string> canary;      // its nonce
};

// The log of one boot; outlives a session, since records go on where they stopped. Thread-safe: a session that is being
// replaced may have a word left.
class KernelLogReader {
 public:
  explicit KernelLogReader(KernelLogOptions options);

  KernelLogNews Read(std::span<const detect::KernelRecord> records, absl::Time now);
  // Closes the report being read, if any, and gives it: always, or when the log has been quiet for a while.
  std::vector<detect::Finding> Flush();
  std::vector<detect::Finding> FlushIfQuiet(absl::Time now);

 private:
  std::vector<detect::Finding> FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const KernelLogOptions options_;
  Mutex mutex_;
  KernelLogNews news_ ABSL_GUARDED_BY(mutex_);
  bool fed_ ABSL_GUARDED_BY(mutex_) = false;  // since the last flush
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  detect::Engine engine_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lk::console
