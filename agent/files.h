// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Writes `text` to an existing file, such as one in /proc or /sys, with a single write(2). Errors: those of open(2) and
// write(2), with the path.
Status WriteFile(const std::string& path, std::string_view text);

// Returns the contents of an attribute in sysfs or debugfs without the newline at the end. Errors: those of open(2) and
// read(2), with the path.
StatusOr<std::string> ReadAttribute(const std::string& path);

}  // namespace lk::agent
