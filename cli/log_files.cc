// SPDX-License-Identifier: Apache-2.0
#include "cli/log_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace lk::cli {
namespace {

namespace fs = std::filesystem;

void Add(const fs::directory_entry& file, std::vector<LogFile>& files) {
  std::error_code error;
  const uint64_t size = file.file_size(error);
  files.push_back({.path = file.path().string(), .size = error ? 0 : size});
}

// Descends at most as deep as a path can be long.
void Walk(const fs::path& directory, LogFiles& found) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  fs::directory_iterator list(directory, error);
  for (; !error && list != fs::directory_iterator(); list.increment(error)) entries.push_back(*list);
  if (error) found.unlisted.emplace_back(directory.string(), absl::NotFoundError(error.message()));
  std::ranges::sort(entries);
  for (const fs::directory_entry& entry : entries) {
    std::error_code ignored;
    if (entry.path().filename().native().starts_with('.') || entry.is_symlink(ignored)) continue;
    if (entry.is_directory(ignored)) Walk(entry.path(), found);
    if (entry.is_regular_file(ignored)) Add(entry, found.files);
  }
}

}  // namespace

LogFiles FindLogFiles(const std::vector<std::string>& arguments) {
  LogFiles found;
  for (const std::string& argument : arguments) {
    std::error_code ignored;
    const fs::directory_entry entry(argument, ignored);
    if (argument == "-" || !entry.is_directory(ignored)) {
      Add(entry, found.files);
      found.files.back().path = argument;
      continue;
    }
    const size_t known = found.files.size() + found.unlisted.size();
    Walk(argument, found);
    if (found.files.size() + found.unlisted.size() == known) found.empty.push_back(argument);
  }
  return found;
}

}  // namespace lk::cli
