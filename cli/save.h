// SPDX-License-Identifier: Apache-2.0
// What a command was asked to write to a file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::cli {

// INVALID_ARGUMENT, with the words of an errno.
Status CannotWrite(const std::filesystem::path& path, int error);

// A file that is there whole or not at all: written beside its place, with mode 0644 less the umask, and moved there by
// Commit, over what was there before. Without Commit nothing is left.
class SavedFile {
 public:
  // Error: INVALID_ARGUMENT (the directory can't be written).
  static StatusOr<SavedFile> Create(const std::filesystem::path& path);
  SavedFile(SavedFile&& other) noexcept;
  SavedFile& operator=(SavedFile&&) = delete;
  ~SavedFile();

  // Error: INVALID_ARGUMENT (no room ...).
  Status Write(std::string_view bytes);
  Status Commit();

 private:
  SavedFile(std::filesystem::path path, std::string unfinished, int fd)
      : path_(std::move(path)), unfinished_(std::move(unfinished)), fd_(fd) {}

  std::filesystem::path path_;
  std::string unfinished_;  // empty: moved to its place
  int fd_;
};

}  // namespace lk::cli
