// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Writes `text` to an existing file, such as one in /proc or /sys, with a single write(2). Errors: those of open(2) and
// write(2), with the path.
Status WriteFile(const std::string& path, std::string_view text);

}  // namespace lk::agent
