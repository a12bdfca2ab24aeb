// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/standard_streams.h"

int main(int argc, char** argv) {
  // lkctl's errors are more useful than gRPC's own log lines ("Failed to connect ..."). A value set by the user takes
  // precedence.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  const std::vector<std::string> args(argv + 1, argv + argc);
  return lk::cli::WithStandardStreams("lkctl", [&](lk::cli::Io& io) { return lk::cli::RunCommandLine(args, io); });
}
