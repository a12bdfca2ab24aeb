// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "cli/io.h"

namespace lk::cli {

// Runs a program's commands with the streams of the process, and returns the program's exit code: that of `run`, or
// kUsage, after an error, if standard output could not be written. A reader that has gone is not an error.
int WithStandardStreams(const std::string& program, const std::function<int(Io&)>& run);

}  // namespace lk::cli
