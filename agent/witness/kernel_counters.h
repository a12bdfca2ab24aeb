// SPDX-License-Identifier: Apache-2.0
// The kernel's own event counters, which show that something was reported even if the console lost the report.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/unique_fd.h"

namespace lk::v1 {
class GuestFinding;
}  // namespace lk::v1

namespace lk::agent {

// Counts of lockups, stalls, hung tasks, oopses and warnings, and the taint flags that they set. Not thread-safe.
class KernelCounters {
 public:
  // Opens the files under `root` that this kernel has. They stay open, so that each poll costs one pread(2) per file
  // and no path lookup in a failing kernel.
  explicit KernelCounters(const std::string& root = "");

  // Returns findings for the values that have risen since the last call, or since boot on the first call. There is one
  // finding for each kind of event, even if several files show it, with `counted` set.
  std::vector<v1::GuestFinding> Poll();

 private:
  struct Row;
  struct Watched {
    const Row* row;
    UniqueFd file;
    uint64_t seen = 0;
  };
  static const Row kRows[];

  std::vector<Watched> watched_;
};

}  // namespace lk::agent
