// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace lk::yaml {

// A mistake in a file. Line and column are 1-based, or 0 if the mistake has no position in the file.
struct Mistake {
  uint32_t line = 0;
  uint32_t column = 0;
  std::string path;  // spec.profiles[0].memory
  std::string message;
};

}  // namespace lk::yaml
