// SPDX-License-Identifier: Apache-2.0
// The kernel's fault injection (Documentation/fault-injection/fault-injection.rst).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/status.h"

namespace lk::agent::ipi_low_memory {

// Makes atomic allocations fail in threads that have called MakeThisThreadFail, while the object exists.
class FaultInjection {
 public:
  // Uses failslab, fail_page_alloc or both, whichever the kernel has. Errors: FAILED_PRECONDITION (neither), those of
  // write(2).
  static StatusOr<FaultInjection> Open();
  FaultInjection(FaultInjection&&) = default;
  ~FaultInjection() { (void)SetPercent(0); }

  // Sets the percentage of allocations that fail. Errors: those of write(2).
  Status SetPercent(uint64_t percent) const;
  // Number of injected failures that have occurred.
  uint64_t Landed() const;

 private:
  FaultInjection() = default;
  std::vector<std::string> folders_;
};

// Permanently enables fault injection for the calling thread.
void MakeThisThreadFail();

}  // namespace lk::agent::ipi_low_memory
