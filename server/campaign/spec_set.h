// SPDX-License-Identifier: Apache-2.0
// Applies --set path=value to a campaign file.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "support/status.h"

namespace lk::campaign {

// Overrides one value in the tree: "spec.profiles[0].vcpus=4", where the value is YAML. Returns the overridden path.
// Error: INVALID_ARGUMENT.
StatusOr<std::string> ApplySet(const YAML::Node& root, const std::string& assignment);

}  // namespace lk::campaign
