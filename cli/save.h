// SPDX-License-Identifier: Apache-2.0
// Output files of commands.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::cli {

// INVALID_ARGUMENT with the text of errno value `error`.
Status CannotWrite(const std::filesystem::path& path, int error);

// A file that is written atomically. Data goes to a temporary file in the same directory; Commit sets its mode to 0644
// minus the umask and renames it to the final path, replacing an existing file. Without Commit, the temporary file is
// removed.
class SavedFile {
 public:
  // Error: INVALID_ARGUMENT (the directory cannot be written).
  static StatusOr<SavedFile> Create(const std::filesystem::path& path);
  SavedFile(SavedFile&& other) noexcept;
  SavedFile& operator=(SavedFile&&) = delete;
  ~SavedFile();

  // Error: INVALID_ARGUMENT (for example, disk full).
  Status Write(std::string_view bytes);
  Status Commit();

 private:
  SavedFile(std::filesystem::path path, std::string unfinished, int fd)
      : path_(std::move(path)), unfinished_(std::move(unfinished)), fd_(fd) {}

  std::filesystem::path path_;
  std::string unfinished_;  // empty once renamed
  int fd_;
};

}  // namespace lk::cli
