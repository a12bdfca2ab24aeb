// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/io.h"

namespace CLI {
class App;
}

namespace lk::cli {

inline constexpr char kDetectHelp[] = "Find lockups and other kernel reports in logs (works offline)";

// Makes `command` what `lkctl detect` is: adds its arguments and its action. lkctl-detect has no other command.
void SetUpDetect(CLI::App& command, LocalContext& context);

}  // namespace lk::cli
