// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace lk {

// Levenshtein distance.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace lk
