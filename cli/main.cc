// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  // lkctl's errors are more useful than gRPC's own log lines ("Failed to connect ..."). A value set by the user takes
  // precedence.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  std::ios::sync_with_stdio(false);

  lk::cli::Io io{.in = std::cin, .out = std::cout, .err = std::cerr};
  lk::cli::DescribeTerminals(io);

  return lk::cli::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), io);
}
