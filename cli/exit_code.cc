// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

namespace lk::cli {

int ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kPassed;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
      return kUsage;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kServer;
  }
}

}  // namespace lk::cli
