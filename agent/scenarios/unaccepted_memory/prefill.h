// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent::unaccepted_memory {

inline constexpr uint64_t kPage = 4096, kHugePage = 2 << 20;

// Returns how many bytes zones with unaccepted memory can still hand out without accepting any: their accepted free
// pages above the highest watermark, to which cond_accept_memory() in mm/page_alloc.c fills up, according to the text
// of /proc/zoneinfo.
uint64_t ParseAcceptedFree(std::string_view zoneinfo);

// While it exists, keeps free memory reserved as huge pages, which the kernel does not touch on reservation, unless it
// clears all memory that it hands out (init_on_alloc=1).
class Prefill {
 public:
  // `huge_pages` is the path of the file with the number of reserved huge pages.
  explicit Prefill(Context& context, std::string huge_pages = "/proc/sys/vm/nr_hugepages");
  Prefill(const Prefill&) = delete;
  Prefill& operator=(const Prefill&) = delete;
  ~Prefill();
  // Reserves ParseAcceptedFree() bytes, so that every further page has to be accepted, and accepts and reserves
  // unaccepted memory until at most `left` bytes of it are left. Errors: those of read(2) and write(2).
  Status Reserve(uint64_t left = UINT64_MAX);
  // Reserves `bytes` more, as far as the kernel can and time allows. Errors: those of read(2) and write(2).
  Status Add(uint64_t bytes);

 private:
  StatusOr<uint64_t> Reserved() const;

  Context& context_;
  const std::string huge_pages_;
};

}  // namespace lk::agent::unaccepted_memory
