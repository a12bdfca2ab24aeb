// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace lk::agent::unaccepted_memory {

inline constexpr uint64_t kPage = 4096, kHugePage = 2 << 20;

// Returns how many bytes zones with unaccepted memory can still hand out without accepting any: their accepted free
// pages above the high watermark, according to the text of /proc/zoneinfo.
uint64_t ParseAcceptedFree(std::string_view zoneinfo);

// While it exists, reserves ParseAcceptedFree() bytes as huge pages, which the kernel does not clear or touch on
// reservation.
class Prefill {
 public:
  Prefill();
  Prefill(const Prefill&) = delete;
  Prefill& operator=(const Prefill&) = delete;
  ~Prefill();
};

}  // namespace lk::agent::unaccepted_memory
