// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace lk::agent::fire_drill {

// The n-th line of the flood without its end: 100 bytes in which nothing is wrong.
std::string FloodLine(uint64_t n);

// Prints harmless text on the console for as long as it lives, on threads of its own: half of it through /dev/kmsg,
// half straight to /dev/console. Slower than asked for where the console is; what it falls behind is not made up for.
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
