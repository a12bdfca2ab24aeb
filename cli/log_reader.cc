// SPDX-License-Identifier: Apache-2.0
#include "cli/log_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lk::cli {

LogReader::LogReader(int fd) : fd_(fd) {
  struct stat info {};
  regular_ = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

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

StatusOr<std::string_view> LogReader::Next() {
  if (!plain_) {
    LK_ASSIGN_OR_RETURN(const std::string_view piece, Decompress());
    if (!piece.empty() || !plain_) return piece;
  }
  if (input_.empty() && !ended_) LK_RETURN_IF_ERROR(Read());
  return std::exchange(input_, {});
}

// The next piece of the compressed parts; empty at the end, and where plain text begins.
StatusOr<std::string_view> LogReader::Decompress() {
  for (;;) {
    if (decoder_ == nullptr) {
      LK_RETURN_IF_ERROR(Begin());
      if (decoder_ == nullptr) return std::string_view();
    }
    if (damaged_) return Failed("damaged");
    const Decoder::Step step = decoder_->Decode(input_, decoded_);
    input_.remove_prefix(step.read);
    decoded_bytes_ += step.written;
    if (step.state == Decoder::State::kEnd) decoder_.reset();
    damaged_ = step.state == Decoder::State::kDamaged;
    if (step.written > 0) return std::string_view(decoded_.data(), step.written);
    if (damaged_ || decoder_ == nullptr) continue;
    if (step.read > 0 && (ended_ || !input_.empty())) continue;
    // A compressed log that was interrupted looks truncated.
    if (stopped_) return std::string_view();
    if (ended_) return Failed("truncated");
    LK_RETURN_IF_ERROR(Read());
  }
}

// Finds out what comes next, and how it is compressed.
Status LogReader::Begin() {
  while (!ended_ && input_.size() < kMagic && MayBeCompressed(input_)) LK_RETURN_IF_ERROR(Read());
  compression_ = CompressionOf(input_);
  plain_ = compression_ == nullptr;
  if (plain_) return absl::OkStatus();
  decoder_ = compression_->decoder();
  decoded_.resize(buffer_.size());
  return absl::OkStatus();
}

// Adds to the input.
Status LogReader::Read() {
  std::ranges::copy(input_, buffer_.begin());
  const size_t kept = input_.size();
  for (;;) {
    ssize_t got = 0;
    if (before_read_(fd_)) {
      got = read(fd_, buffer_.data() + kept, buffer_.size() - kept);
    } else {
      stopped_ = true;
    }
    // EPIPE: the kernel has overwritten records of /dev/kmsg before they were read (kernel/printk/printk.c).
    if (got < 0 && (errno == EINTR || errno == EPIPE)) continue;
    ended_ = got <= 0;
    if (got < 0) return absl::NotFoundError(std::strerror(errno));
    input_ = {buffer_.data(), kept + static_cast<size_t>(got)};
    position_ += static_cast<uint64_t>(got);
    return absl::OkStatus();
  }
}

Status LogReader::Failed(std::string_view how) const {
  return absl::NotFoundError(fmt::format("{} {} input; {} bytes were read", how, compression_->name, decoded_bytes_));
}

}  // namespace lk::cli
