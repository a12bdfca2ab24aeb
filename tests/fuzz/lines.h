// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

#include "server/detect/line_assembler.h"

namespace lk::detect {

// Takes bytes with any newlines and carriage returns, and calls `keep` with each line that ends in them.
template <typename Keep>
void Feed(LineAssembler& assembler, std::string_view bytes, const Keep& keep) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, std::min(bytes.find('\n'), bytes.size() - 1) + 1);
    if (const auto line = assembler.Take(part, true)) keep(*line);
    bytes.remove_prefix(part.size());
  }
}

}  // namespace lk::detect
