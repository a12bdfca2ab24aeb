// SPDX-License-Identifier: Apache-2.0
// Detects findings in the kernel log that an agent streams.
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
  absl::Duration quiet = absl::Seconds(3);  // a report is complete after this much silence
  // Adds file and line, which the log does not contain, to the frames of a finding; may be null.
  std::function<void(detect::Finding&)> locate = {};
};

// The results of reading records.
struct KernelLogNews {
  std::vector<detect::Finding> findings;  // with offsets 0, because they are not from the console log
  std::optional<std::string> canary;      // the canary's nonce, if the canary was read
};

// Reads the kernel log of one boot across sessions: a new session continues the log where the previous one stopped.
// Thread-safe, because a session that is being replaced may still deliver records.
class KernelLogReader {
 public:
  explicit KernelLogReader(KernelLogOptions options);

  KernelLogNews Read(std::span<const detect::KernelRecord> records, absl::Time now);
  // Completes the reports being read, if any, and returns their findings. FlushIfQuiet does so only if no records have
  // been read for KernelLogOptions::quiet.
  std::vector<detect::Finding> Flush();
  std::vector<detect::Finding> FlushIfQuiet(absl::Time now);

 private:
  std::vector<detect::Finding> FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const KernelLogOptions options_;
  Mutex mutex_;
  KernelLogNews news_ ABSL_GUARDED_BY(mutex_);
  bool fed_ ABSL_GUARDED_BY(mutex_) = false;  // whether records were read since the last flush
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  detect::Engine engine_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lk::console
