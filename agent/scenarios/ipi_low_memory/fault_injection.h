// SPDX-License-Identifier: Apache-2.0
// The kernel's fault injection (Documentation/fault-injection/fault-injection.rst).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::agent::ipi_low_memory {

// Makes allocations that must not sleep fail, in the threads that were marked only. Ends with the object.
class FaultInjection {
 public:
  // Takes what there is of failslab and fail_page_alloc. Error: FAILED_PRECONDITION: the kernel has neither.
  static StatusOr<FaultInjection> Open();
  FaultInjection(FaultInjection&&) = default;
  ~FaultInjection() { (void)SetPercent(0); }

  // So many of a hundred. Errors: what write(2) says.
  Status SetPercent(uint64_t percent) const;
  // Failures that really happened.
  uint64_t Landed() const;

 private:
  FaultInjection() = default;
  std::vector<std::string> folders_;
};

// Marks the calling thread, for good: its allocations may be made to fail.
void MakeThisThreadFail();

}  // namespace lk::agent::ipi_low_memory
