// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/status.h"

namespace lk::v1 {
class Campaign;
}

namespace lk::cli {

// Scripts rely on these.
enum ExitCode : int {
  kPassed = 0,        // all passed, or the command did what it was asked
  kFailed = 1,        // at least one run with verdict fail
  kUsage = 2,         // usage, or invalid input
  kNotProven = 3,     // no fail, but error, miss or unproven
  kServer = 4,        // server unreachable, or it refused
  kInterrupted = 130  // the campaign goes on
};

// CANCELLED is an interrupt by the user; what the user wrote wrongly is usage; the rest is the server's.
int ExitCodeOf(const Status& status);

// Of a campaign that has ended. One that was cancelled did not pass, whatever its runs say.
int ExitCodeOf(const v1::Campaign& campaign);

}  // namespace lk::cli
