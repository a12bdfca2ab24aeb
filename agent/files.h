// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Sets a file of /proc or /sys, which must be there, in one call. Errors: what open(2) and write(2) say, with the path.
Status WriteFile(const std::string& path, std::string_view text);

}  // namespace lk::agent
