// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/mark.h>

#include <string>
#include <vector>

namespace lk::yaml {

// Where each YAML document in a text begins; of more than two the first two. Throws YAML::Exception if it is not YAML.
// YAML::LoadAll finds documents without end behind a stray bracket (tests/fuzz/campaigns).
std::vector<YAML::Mark> Documents(const std::string& text);

}  // namespace lk::yaml
