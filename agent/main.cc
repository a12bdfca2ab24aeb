// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string_view>

#include "agent/init/boot.h"
#include "agent/session/worker.h"
#include "support/version.h"

int main(int argc, char** argv) {
  const std::string_view argument = argc > 1 ? argv[1] : "";
  if (argument == "--version") {
    fmt::print("lk-agent {}\n", lk::kVersion);
    return 0;
  }
  // The kernel passes unknown words on its command line to init; ignore them.
  return argument == lk::agent::kWorkerArgument ? lk::agent::WorkerMain() : lk::agent::Boot();
}
