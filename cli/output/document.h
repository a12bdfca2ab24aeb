// SPDX-License-Identifier: Apache-2.0
// JSON and YAML on stdout.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cli/io.h"

namespace lk::cli {

// JSON: indented, or on a single line for a list item. YAML: one document, preceded by "---" for a list item.
void PrintJson(LocalContext& context, const nlohmann::ordered_json& json, bool item);

}  // namespace lk::cli
