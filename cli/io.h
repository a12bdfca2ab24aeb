// SPDX-License-Identifier: Apache-2.0
// State of commands that need no server: I/O streams, output format.
#pragma once

#include <absl/time/time.h>

#include <functional>
#include <iosfwd>
#include <string>

#include "support/status.h"

namespace lk::cli {

struct Io {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // The descriptor of standard input, for commands that wait for it.
  int in_fd = 0;
  bool in_terminal = false;
  bool out_terminal = false;
  bool err_terminal = false;
  // False if NO_COLOR is set. Colour is used on terminals only.
  bool color = true;
  // Width of the terminal.
  int columns = 80;
};

// SARIF and Markdown are for `detect` only.
enum class Format { kTable, kJson, kYaml, kSarif, kMarkdown };

struct LocalContext {
  explicit LocalContext(Io& streams) : io(streams) {}

  Io& io;
  // The name in front of errors.
  std::string program = "lkctl";
  Format format = Format::kTable;
  // A report in a log that is followed is complete once the log has been silent for this long.
  absl::Duration silence = absl::Seconds(2);

  bool out_color() const { return io.color && io.out_terminal; }
  bool err_color() const { return io.color && io.err_terminal; }

  // The selected command; its result is the exit code.
  std::function<StatusOr<int>()> action;
};

}  // namespace lk::cli
