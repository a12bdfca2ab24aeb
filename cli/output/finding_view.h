// SPDX-License-Identifier: Apache-2.0
// Output of `lkctl detect`.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "server/detect/finding.h"

namespace lk::cli {

// Prints the findings of a file. JSON and YAML: {"file", "findings"}, with those fields of lk.v1.Finding that can be
// determined from a log alone. Table: one row per finding, or full details with `show`. `located` is true if debug
// information was available, so that frames may have a file and line.
void PrintFindings(Context& context, const std::string& file, const std::vector<detect::Finding>& findings, bool show,
                   bool located);

}  // namespace lk::cli
