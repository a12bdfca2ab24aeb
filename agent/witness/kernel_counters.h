// SPDX-License-Identifier: Apache-2.0
// What the kernel counts about itself: a witness for reports that the console lost.
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

// Counts of lockups, stalls, hung tasks, oopses and warnings, and the taint flags that they leave. Not thread-safe.
class KernelCounters {
 public:
  // Opens below `root` what this kernel has; what it has not is left out. The files stay open: a look costs one
  // pread(2) each, and needs no path walk in a kernel that is no longer well.
  explicit KernelCounters(const std::string& root = "");

  // What rose since the last look, or since boot at the first: one finding for each kind of event, however many files
  // tell of it, with `counted` set.
  std::vector<v1::GuestFinding> Look();

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
