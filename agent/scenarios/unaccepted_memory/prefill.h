// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace lk::agent::unaccepted_memory {

inline constexpr uint64_t kPage = 4096, kHugePage = 2 << 20;

// Bytes that zones with unaccepted memory can still hand out without having any accepted: their free pages above the
// high watermark, as /proc/zoneinfo tells them.
uint64_t ParseAcceptedFree(std::string_view zoneinfo);

// Takes that memory away, as huge pages, which the kernel neither clears nor touches, and gives it back in the end.
class Prefill {
 public:
  Prefill();
  Prefill(const Prefill&) = delete;
  Prefill& operator=(const Prefill&) = delete;
  ~Prefill();
};

}  // namespace lk::agent::unaccepted_memory
