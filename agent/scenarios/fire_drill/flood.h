// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace lk::agent::fire_drill {

// Returns the n-th line of the flood, without a newline: 100 bytes of harmless text.
std::string FloodLine(uint64_t n);

// While it exists, prints harmless text on the console from its own threads: half of it through /dev/kmsg, half
// directly to /dev/console. If the console is too slow, less is printed, without catching up later.
class Flood {
 public:
  explicit Flood(uint64_t bytes_per_second);

  // Bytes written so far.
  uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<uint64_t> bytes_{0};
  std::jthread log_, console_;
};

}  // namespace lk::agent::fire_drill
