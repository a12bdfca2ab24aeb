// SPDX-License-Identifier: Apache-2.0
// What the command lines of lkctl and lkctl-detect have in common.
#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace CLI {
class App;
}

namespace lk::cli {

// Adds -o.
void AddOutputOption(CLI::App& app, LocalContext& context);

// Parses `args` (without the program name) and runs the selected command. Returns the exit code.
int RunCommandLine(CLI::App& app, LocalContext& context, const std::vector<std::string>& args);

// Streams of this process; `in`, `out` and `err` are set.
void DescribeTerminals(Io& io);

}  // namespace lk::cli
