// SPDX-License-Identifier: Apache-2.0
// What every command gets: where to read and write, the global options, the server.
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
  // Allowed at all (NO_COLOR); used on terminals only.
  bool color = true;
  // Width of the terminal.
  int columns = 80;
};

enum class Format { kTable, kJson, kYaml };

// How long to try for a stream that was lost; lkd may be restarting.
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

  // What the command line asks for; its result is the exit code.
  std::function<StatusOr<int>()> action;

  // Made on first use. Nothing is sent before the first call. Errors: INVALID_ARGUMENT (a file of the options can't be
  // read).
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
