// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/context.h"

namespace CLI {
class App;
}

namespace lk::cli {

// The whole command tree, bound to the context.
std::unique_ptr<CLI::App> MakeApp(Context& context);

// Runs lkctl with `args` (without the program name). Returns the exit code.
int RunCommandLine(const std::vector<std::string>& args, Io& io);
int RunCommandLine(const std::vector<std::string>& args, Context& context);

}  // namespace lk::cli
