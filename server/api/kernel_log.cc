// SPDX-License-Identifier: Apache-2.0
#include "server/api/kernel_log.h"

#include <fmt/format.h>

#include <utility>

#include "lk/v1/agent.pb.h"

namespace lk::api {
namespace {

// A report is closed when the log was quiet for this long.
constexpr absl::Duration kQuiet = absl::Seconds(3);

}  // namespace

KernelLogReader::KernelLogReader(std::vector<detect::InvariantLiteral> invariants)
    : engine_({.invariants = std::move(invariants), .announced_boots = 0},
              // Called from Read and Flush, under the mutex.
              {.on_finding =
                   [this](detect::Finding finding) {
                     mutex_.AssertHeld();
                     finding.witnesses = {"agent"};
                     // Offsets are those of the stream, not of the console record.
                     finding.start_offset = finding.end_offset = 0;
                     seen_.findings.push_back(std::move(finding));
                   },
               .on_header = {},
               .on_canary =
                   [this](std::string_view nonce) {
                     mutex_.AssertHeld();
                     seen_.canary = true;
                     seen_.nonce = std::string(nonce);
                   }}) {}

scheduler::KmsgSeen KernelLogReader::Read(const v1::KernelLog& log, absl::Time now) {
  const MutexLock lock(&mutex_);
  last_ = now;
  fed_ = true;
  for (const v1::KernelLog::Record& record : log.records()) {
    engine_.Feed(fmt::format("[{:5}.{:06}] {}\n", record.timestamp_us() / 1000000, record.timestamp_us() % 1000000,
                             record.text()));
  }
  seen_.lost = log.lost();
  return std::exchange(seen_, {});
}

std::vector<detect::Finding> KernelLogReader::Flush() {
  const MutexLock lock(&mutex_);
  return FlushLocked();
}

std::vector<detect::Finding> KernelLogReader::FlushIfQuiet(absl::Time now) {
  const MutexLock lock(&mutex_);
  if (now - last_ < kQuiet) return {};
  return FlushLocked();
}

std::vector<detect::Finding> KernelLogReader::FlushLocked() {
  if (!std::exchange(fed_, false)) return {};
  engine_.Flush();
  return std::exchange(seen_, {}).findings;
}

}  // namespace lk::api
