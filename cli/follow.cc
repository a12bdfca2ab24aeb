// SPDX-License-Identifier: Apache-2.0
#include "cli/follow.h"

namespace lk::cli {
namespace {

volatile std::sig_atomic_t g_raised = 0;

}  // namespace

Interrupt::Interrupt() {
  g_raised = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { g_raised = 1; };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGTERM, &action, &old_term_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
}

bool Interrupt::raised() const {
  return g_raised != 0;
}

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
