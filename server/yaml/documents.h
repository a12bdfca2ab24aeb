// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/mark.h>

#include <optional>
#include <string>
#include <vector>

#include "server/yaml/node.h"

namespace lk::yaml {

// Returns where the YAML documents in a text begin, at most the first two. Throws YAML::Exception if the text is not
// YAML. Used instead of YAML::LoadAll, which never stops finding documents after a stray bracket
// (tests/fuzz/campaigns).
std::vector<YAML::Mark> Documents(const std::string& text);

// Loads a text that must be a single YAML document. Otherwise, records a mistake and returns nullopt.
std::optional<YAML::Node> LoadDocument(const std::string& text, Mistakes& mistakes);

}  // namespace lk::yaml
