// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace lk::yaml {

// A mistake, with its place in the file (1-based; 0: none) and what would be right.
struct Mistake {
  uint32_t line = 0;
  uint32_t column = 0;
  std::string path;  // spec.profiles[0].memory
  std::string message;
};

}  // namespace lk::yaml
