// SPDX-License-Identifier: Apache-2.0
// The kernel's fault injection (Documentation/fault-injection/fault-injection.rst).
#pragma once

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::ipi_low_memory {

// Sets failslab and fail_page_alloc, whichever the kernel has, so that FailNth makes atomic allocations fail and no
// others. Errors: FAILED_PRECONDITION (the kernel has neither), those of write(2).
Status PrepareFaultInjection();

// Makes one allocation of the thread that created the object fail (/proc/<pid>/fail-nth), so that it is known in which
// system call it failed.
class FailNth {
 public:
  FailNth();
  // The `nth` atomic allocation from now on fails, 1 being the next.
  void Arm(unsigned nth) const;
  // Disarms. Returns whether an allocation has failed since Arm.
  bool Disarm() const;

 private:
  UniqueFd fd_;
};

}  // namespace lk::agent::ipi_low_memory
