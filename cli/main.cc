// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/app.h"

int main(int argc, char** argv) {
  // lkctl's errors are more useful than gRPC's own log lines ("Failed to connect ..."). A value set by the user takes
  // precedence.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  std::ios::sync_with_stdio(false);

  lk::cli::Io io{.in = std::cin, .out = std::cout, .err = std::cerr};
  io.in_terminal = isatty(STDIN_FILENO) != 0;
  io.out_terminal = isatty(STDOUT_FILENO) != 0;
  io.err_terminal = isatty(STDERR_FILENO) != 0;
  // https://no-color.org: effective if set and not empty
  const char* no_color = std::getenv("NO_COLOR");
  io.color = no_color == nullptr || *no_color == '\0';
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) io.columns = size.ws_col;

  return lk::cli::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), io);
}
