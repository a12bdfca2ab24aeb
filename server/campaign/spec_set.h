// SPDX-License-Identifier: Apache-2.0
// --set path=value.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "support/status.h"

namespace lk::campaign {

// Overrides one value in the tree: "spec.profiles[0].vcpus=4", the value YAML. Returns the path that is overridden.
// Error: INVALID_ARGUMENT.
StatusOr<std::string> ApplySet(const YAML::Node& root, const std::string& assignment);

}  // namespace lk::campaign
