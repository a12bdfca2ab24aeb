// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::ipi_low_memory {

// "address sizes : 40 bits physical, 48 bits virtual" of /proc/cpuinfo: 40. Nothing: it does not say.
std::optional<unsigned> ParsePhysicalBits(std::string_view cpuinfo);

// A memory type range register through /proc/mtrr (Documentation/arch/x86/mtrr.rst): of an address range at the upper
// half's beginning, where a guest has nothing. Each change makes all CPUs meet.
class Mtrr {
 public:
  // Error: FAILED_PRECONDITION: there are none to change.
  static StatusOr<Mtrr> Open();
  // Errors: what ioctl(2) says.
  Status Add() const { return Change(true); }
  Status Delete() const { return Change(false); }

 private:
  Mtrr(UniqueFd fd, uint64_t base) : fd_(std::move(fd)), base_(base) {}
  Status Change(bool add) const;

  UniqueFd fd_;
  uint64_t base_;
};

}  // namespace lk::agent::ipi_low_memory
