// SPDX-License-Identifier: Apache-2.0
#include "agent/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::agent {

Status WriteFile(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return absl::ErrnoToStatus(errno, path);
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return absl::ErrnoToStatus(errno, fmt::format("{}: cannot write \"{}\"", path, text));
  }
  return absl::OkStatus();
}

StatusOr<std::string> ReadAttribute(const std::string& path) {
  LK_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace lk::agent
