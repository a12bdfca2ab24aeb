// SPDX-License-Identifier: Apache-2.0
#include "cli/save.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "support/file.h"

namespace lk::cli {

Status CannotWrite(const std::filesystem::path& path, int error) {
  return absl::InvalidArgumentError(fmt::format("cannot write {}: {}", path.string(), std::strerror(error)));
}

StatusOr<SavedFile> SavedFile::Create(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.filename().empty() || std::filesystem::is_directory(path, ignored)) return CannotWrite(path, EISDIR);
  std::string unfinished = path.string() + ".XXXXXX";
  const int fd = mkostemp(unfinished.data(), O_CLOEXEC);
  if (fd < 0) return CannotWrite(path, errno);
  return SavedFile(path, std::move(unfinished), fd);
}

SavedFile::SavedFile(SavedFile&& other) noexcept
    : path_(std::move(other.path_)),
      unfinished_(std::exchange(other.unfinished_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

SavedFile::~SavedFile() {
  if (fd_ >= 0) close(fd_);
  if (!unfinished_.empty()) unlink(unfinished_.c_str());
}

Status SavedFile::Write(std::string_view bytes) {
  if (const std::error_code error = WriteAll(fd_, bytes)) return CannotWrite(path_, error.value());
  return absl::OkStatus();
}

Status SavedFile::Commit() {
  const mode_t mask = umask(0);
  umask(mask);
  if (fchmod(fd_, 0644 & ~mask) != 0 || std::rename(unfinished_.c_str(), path_.c_str()) != 0) {
    return CannotWrite(path_, errno);
  }
  unfinished_.clear();
  return absl::OkStatus();
}

}  // namespace lk::cli
