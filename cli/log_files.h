// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/status.h"

namespace lk::cli {

struct LogFile {
  std::string path;   // or "-"
  uint64_t size = 0;  // in bytes; 0 if unknown
};

struct LogFiles {
  std::vector<LogFile> files;
  std::vector<std::string> empty;                        // directories without a file to read
  std::vector<std::pair<std::string, Status>> unlisted;  // directories that cannot be listed, and why
};

// The files to read for the arguments of a command, in their order. A directory stands for the regular files under it,
// sorted by name; hidden files and symbolic links in it are skipped.
LogFiles FindLogFiles(const std::vector<std::string>& arguments);

}  // namespace lk::cli
