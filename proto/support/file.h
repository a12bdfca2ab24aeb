// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "support/status.h"

namespace lk {

// Whole content, of files of unknown size (/proc, /sys) too. Errors: what open(2) and read(2) say, with the path.
StatusOr<std::string> ReadFile(const std::filesystem::path& path);
// All of it, in however many calls. Errors: what write(2) says.
std::error_code WriteAll(int fd, std::string_view bytes);

}  // namespace lk
