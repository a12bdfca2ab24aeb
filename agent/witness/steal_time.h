// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lk::agent {

// The steal time of each CPU since boot. Not thread-safe.
class StealTime {
 public:
  explicit StealTime(std::string path = "/proc/stat") : path_(std::move(path)) {}

  // In ticks, in the order of the CPUs' numbers. A CPU that is offline keeps its last figure.
  const std::vector<uint64_t>& Read();

 private:
  const std::string path_;
  std::vector<uint64_t> ticks_;
};

}  // namespace lk::agent
