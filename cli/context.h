// SPDX-License-Identifier: Apache-2.0
// State shared by all commands: I/O streams, global options, the connection to lkd.
#pragma once

#include <absl/time/time.h>

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "cli/client.h"
#include "support/status.h"

namespace lk::cli {

struct Io {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_terminal = false;
  bool out_terminal = false;
  bool err_terminal = false;
  // False if NO_COLOR is set. Colour is used on terminals only.
  bool color = true;
  // Width of the terminal.
  int columns = 80;
};

enum class Format { kTable, kJson, kYaml };

// How often and for how long to retry opening a lost stream (lkd may be restarting).
struct RetryPolicy {
  absl::Duration first_delay = absl::Milliseconds(200);
  absl::Duration longest_delay = absl::Seconds(5);
  absl::Duration give_up = absl::Minutes(2);
};

struct Context {
  explicit Context(Io& streams) : io(streams) {}

  Io& io;
  ServerOptions server;
  Format format = Format::kTable;
  RetryPolicy retry;
  absl::TimeZone time_zone = absl::LocalTimeZone();

  bool out_color() const { return io.color && io.out_terminal; }
  bool err_color() const { return io.color && io.err_terminal; }

  // The selected command; its result is the exit code.
  std::function<StatusOr<int>()> action;

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
