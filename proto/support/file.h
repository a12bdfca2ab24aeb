// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "support/status.h"

namespace lk {

// Reads the whole file, including files of unknown size (/proc, /sys). Errors: those of open(2) and read(2), with the
// path.
StatusOr<std::string> ReadFile(const std::filesystem::path& path);
// Writes all bytes, in as many calls as needed. Errors: those of write(2).
std::error_code WriteAll(int fd, std::string_view bytes);

}  // namespace lk
