// SPDX-License-Identifier: Apache-2.0
#include "agent/witness/steal_time.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <sstream>

#include "support/file.h"

namespace lk::agent {
namespace {

constexpr size_t kMaxCpus = 4096;

}  // namespace

const std::vector<uint64_t>& StealTime::Read() {
  std::istringstream lines(ReadFile(path_).value_or(""));
  // The CPUs come first.
  for (std::string line; std::getline(lines, line) && line.starts_with("cpu");) {
    size_t cpu = 0;
    uint64_t ticks = 0;
    // Steal time is the eighth number (proc_stat(5)).
    constexpr char kFormat[] = "cpu%zu %*u %*u %*u %*u %*u %*u %*u %" SCNu64;
    if (std::sscanf(line.c_str(), kFormat, &cpu, &ticks) != 2 || cpu >= kMaxCpus) continue;
    ticks_.resize(std::max(ticks_.size(), cpu + 1));
    ticks_[cpu] = std::max(ticks_[cpu], ticks);
  }
  return ticks_;
}

}  // namespace lk::agent
