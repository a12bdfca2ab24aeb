// SPDX-License-Identifier: Apache-2.0
#include "cli/log_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "support/archive_error.h"

namespace lk::cli {

LogReader::LogReader(int fd) : fd_(fd), archive_(archive_read_new(), archive_read_free) {
  struct stat info {};
  regular_ = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

LogReader::~LogReader() = default;

StatusOr<std::unique_ptr<LogReader>> LogReader::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return absl::NotFoundError(std::strerror(errno));
  std::unique_ptr<LogReader> reader(new LogReader(fd.get()));
  reader->own_ = std::move(fd);
  return reader;
}

StatusOr<std::unique_ptr<LogReader>> LogReader::Open(int fd) {
  return std::unique_ptr<LogReader>(new LogReader(fd));
}

Status LogReader::Start() {
  started_ = true;
  for (const auto support :
       {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
        archive_read_support_filter_zstd, archive_read_support_filter_lz4, archive_read_support_format_raw,
        archive_read_support_format_empty}) {
    support(archive_.get());
  }
  const auto read = [](archive* a, void* self, const void** data) -> la_ssize_t {
    auto& reader = *static_cast<LogReader*>(self);
    *data = reader.buffer_.data();
    const ssize_t got = reader.Read();
    if (got < 0) archive_set_error(a, errno, "%s", std::strerror(errno));
    return got;
  };
  archive_entry* entry = nullptr;
  if (archive_read_open(archive_.get(), this, nullptr, read, nullptr) != ARCHIVE_OK) return Failed();
  const int result = archive_read_next_header(archive_.get(), &entry);
  ended_ = result == ARCHIVE_EOF;
  return result < ARCHIVE_WARN ? Failed() : absl::OkStatus();
}

StatusOr<std::string_view> LogReader::Next() {
  if (!started_) LK_RETURN_IF_ERROR(Start());
  const void* data = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  while (!ended_ && size == 0) {
    const int result = archive_read_data_block(archive_.get(), &data, &size, &offset);
    if (result < ARCHIVE_WARN) {
      LK_RETURN_IF_ERROR(Failed());
      size = 0;
    }
    ended_ = ended_ || result == ARCHIVE_EOF;
  }
  return std::string_view(static_cast<const char*>(data), size);
}

uint64_t LogReader::position() const {
  return static_cast<uint64_t>(archive_filter_bytes(archive_.get(), -1));
}

Status LogReader::Failed() {
  ended_ = true;
  // A compressed log that was interrupted looks truncated.
  return stopped_ ? absl::OkStatus() : absl::NotFoundError(ArchiveError(archive_.get()));
}

ssize_t LogReader::Read() {
  for (;;) {
    if (!before_read_(fd_)) {
      stopped_ = true;
      return 0;
    }
    const ssize_t got = read(fd_, buffer_.data(), buffer_.size());
    // EPIPE: the kernel has overwritten records of /dev/kmsg before they were read (kernel/printk/printk.c).
    if (got >= 0 || (errno != EINTR && errno != EPIPE)) return got;
  }
}

}  // namespace lk::cli
