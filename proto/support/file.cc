// SPDX-License-Identifier: Apache-2.0
#include "support/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "support/unique_fd.h"

namespace lk {

StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  constexpr size_t kLeast = 4096;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return absl::ErrnoToStatus(errno, path.native());
  std::string content;
  for (size_t size = 0;;) {
    content.resize(size + std::max(kLeast, size));
    const ssize_t got = read(fd.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, path.native());
    size += static_cast<size_t>(got);
    if (got > 0) continue;
    content.resize(size);
    return content;
  }
}

std::error_code WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return {errno, std::generic_category()};
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace lk
