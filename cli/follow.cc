// SPDX-License-Identifier: Apache-2.0
#include "cli/follow.h"

namespace lk::cli {
bool WorthRetrying(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:          // the server shut down and cancelled its calls
    case absl::StatusCode::kDeadlineExceeded:   // our own deadline for one attempt
    case absl::StatusCode::kResourceExhausted:  // lkd dropped us for reading too slowly
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:  // gRPC's code for a stream reset by the transport
    case absl::StatusCode::kUnknown:   // gRPC's code for "Stream removed"
      return true;
    default:
      return false;
  }
}

}  // namespace lk::cli
