// SPDX-License-Identifier: Apache-2.0
// lkctl-detect: `lkctl detect` as a static binary without gRPC and protobuf.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/commands/detect.h"
#include "cli/standard_streams.h"
#include "support/version.h"

// In place of dlopen(3) (--wrap), with which elfutils loads libdebuginfod when the program starts
// (libdwfl/debuginfod-client.c): a static program cannot, and this one does not use the network.
extern "C" void* __wrap_dlopen(const char* /*file*/, int /*mode*/) {  // NOLINT(bugprone-reserved-identifier)
  return nullptr;
}

namespace {

constexpr char kProgram[] = "lkctl-detect";

int Run(const std::vector<std::string>& args, lk::cli::Io& io) {
  lk::cli::LocalContext context(io);
  context.program = kProgram;
  CLI::App app(lk::cli::kDetectHelp, context.program);
  app.set_version_flag("--version", lk::kVersion);
  lk::cli::AddOutputOption(app, context);
  lk::cli::SetUpDetect(app, context);
  app.footer(
      "Exit codes: 0 all logs were read; 1 --exit-status, and something was found; 2 usage error, or a log cannot\n"
      "be read.");
  return lk::cli::RunCommandLine(app, context, args);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  return lk::cli::WithStandardStreams(kProgram, [&](lk::cli::Io& io) { return Run(args, io); });
}
