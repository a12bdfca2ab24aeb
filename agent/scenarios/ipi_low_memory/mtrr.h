// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::ipi_low_memory {

// Parses "address sizes : 40 bits physical, 48 bits virtual" in /proc/cpuinfo (here 40). Empty if there is no such
// line.
std::optional<unsigned> ParsePhysicalBits(std::string_view cpuinfo);

// A memory type range register, changed through /proc/mtrr (Documentation/arch/x86/mtrr.rst). Its range is at the start
// of the upper half of the physical address space, which a guest does not use. Each change is a rendezvous of all CPUs.
class Mtrr {
 public:
  // Error: FAILED_PRECONDITION (MTRRs cannot be changed, with the reason).
  static StatusOr<Mtrr> Open();
  // Return 0 or the errno of ioctl(2).
  int Add() const { return Change(true); }
  int Delete() const { return Change(false); }

 private:
  Mtrr(UniqueFd fd, uint64_t base) : fd_(std::move(fd)), base_(base) {}
  int Change(bool add) const;

  UniqueFd fd_;
  uint64_t base_;
};

}  // namespace lk::agent::ipi_low_memory
