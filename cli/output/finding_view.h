// SPDX-License-Identifier: Apache-2.0
// What the detector found in a file, as `lkctl detect` prints it.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "server/detect/finding.h"

namespace lk::cli {

// JSON and YAML: {"file", "findings"} with the fields of lk.v1.Finding that a log alone can tell. Table: a row for each
// finding, or with `show` all of it. `located`: there was debug information, so frames may have a file and line.
void PrintFindings(Context& context, const std::string& file, const std::vector<detect::Finding>& findings, bool show,
                   bool located);

}  // namespace lk::cli
