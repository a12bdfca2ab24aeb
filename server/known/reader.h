// SPDX-License-Identifier: Apache-2.0
// Reads lists of known problems. The format is in docs/campaigns.md.
#pragma once

#include <string>
#include <vector>

#include "server/known/known.h"
#include "server/yaml/node.h"

namespace lk::known {

// Records all mistakes and returns what could be read.
List ReadList(const yaml::Item& item, yaml::Mistakes& mistakes);

// Reads a file that contains only the list. `mistakes` receives the mistakes, sorted by position.
List ParseList(const std::string& text, std::vector<yaml::Mistake>& mistakes);

}  // namespace lk::known
