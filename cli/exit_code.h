// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/status.h"

namespace lk::v1 {
class Campaign;
}

namespace lk::cli {

// Scripts rely on these values.
enum ExitCode : int {
  kPassed = 0,        // all passed, or the command succeeded
  kFailed = 1,        // a run has verdict fail; or kernel B is worse; or a test notification was not delivered; or
                      // detect --exit-status has found something
  kUsage = 2,         // usage error or invalid input
  kNotProven = 3,     // no run failed, but some are error, miss or unproven; or the campaign was cancelled
  kServer = 4,        // server unreachable, or request refused
  kInterrupted = 130  // the user interrupted lkctl; the campaign continues
};

// kInterrupted for CANCELLED (interrupted by the user), kUsage for invalid input, otherwise kServer.
int ExitCodeOf(const Status& status);

// Exit code for a campaign that has ended. A cancelled campaign never counts as passed, whatever the
// verdicts of its runs.
int ExitCodeOf(const v1::Campaign& campaign);

}  // namespace lk::cli
