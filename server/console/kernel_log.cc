// SPDX-License-Identifier: Apache-2.0
#include "server/console/kernel_log.h"

#include <utility>

namespace lk::console {

KernelLogReader::KernelLogReader(KernelLogOptions options)
    : options_(std::move(options)),
      engine_({.invariants = options_.invariants, .announced_boots = 0},
              // Called from Read and Flush, with the mutex held.
              {.on_finding =
                   [this](detect::Finding finding) {
                     mutex_.AssertHeld();
                     finding.start_offset = finding.end_offset = 0;
                     if (options_.locate) options_.locate(finding);
                     news_.findings.push_back(std::move(finding));
                   },
               .on_header = {},
               .on_canary =
                   [this](std::string_view nonce) {
                     mutex_.AssertHeld();
                     news_.canary = std::string(nonce);
                   }}) {}

KernelLogNews KernelLogReader::Read(std::span<const detect::KernelRecord> records, absl::Time now) {
  const MutexLock lock(&mutex_);
  last_ = now;
  fed_ = true;
  for (const detect::KernelRecord& record : records) engine_.FeedRecord(record);
  return std::exchange(news_, {});
}

std::vector<detect::Finding> KernelLogReader::Flush() {
  const MutexLock lock(&mutex_);
  return FlushLocked();
}

std::vector<detect::Finding> KernelLogReader::FlushIfQuiet(absl::Time now) {
  const MutexLock lock(&mutex_);
  if (now - last_ < options_.quiet) return {};
  return FlushLocked();
}

std::vector<detect::Finding> KernelLogReader::FlushLocked() {
  if (!std::exchange(fed_, false)) return {};
  engine_.Flush();
  return std::exchange(news_, {}).findings;
}

}  // namespace lk::console
