// SPDX-License-Identifier: Apache-2.0
// State shared by all commands of lkctl: I/O streams, global options, the connection to lkd.
#pragma once

#include <absl/time/time.h>

#include <memory>

#include "cli/client.h"
#include "cli/io.h"
#include "support/status.h"

namespace lk::cli {

// How often and for how long to retry opening a lost stream (lkd may be restarting).
struct RetryPolicy {
  absl::Duration first_delay = absl::Milliseconds(200);
  absl::Duration longest_delay = absl::Seconds(5);
  absl::Duration give_up = absl::Minutes(2);
};

struct Context : LocalContext {
  using LocalContext::LocalContext;

  ServerOptions server;
  RetryPolicy retry;
  absl::TimeZone time_zone = absl::LocalTimeZone();

  // Creates the client on first use; it connects on the first call. Errors: INVALID_ARGUMENT (a file named by an option
  // cannot be read).
  StatusOr<Client*> Connect() {
    if (!client_) {
      LK_ASSIGN_OR_RETURN(client_, Client::Create(server));
    }
    return client_.get();
  }

 private:
  std::unique_ptr<Client> client_;
};

}  // namespace lk::cli
