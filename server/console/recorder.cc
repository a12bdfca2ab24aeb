// SPDX-License-Identifier: Apache-2.0
#include "server/console/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "support/file.h"

namespace lk::console {
namespace {

// Ends a console log that has reached its limit. No guest output follows, so offsets in the log match the guest's
// stream.
constexpr std::string_view kFull = "\n[lk: console log full; later output was analysed but not stored]\n";

// If more bytes than this are waiting for detection, the thread that feeds the recorder runs detection itself. This
// slows down a guest that prints faster than detection can read.
constexpr size_t kMaxUnread = 4 << 20;

Status FileError(const std::filesystem::path& path, std::string_view what, int error) {
  return absl::ErrnoToStatus(error, fmt::format("{}: {}", path.string(), what));
}

// Returns the number of bytes read (fewer than `size` only at the end of the file), or -1 with errno set.
ssize_t ReadAt(int fd, char* data, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(fd, data + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

StatusOr<std::shared_ptr<Recorder>> Recorder::Open(RecorderOptions options, Events events) {
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) return FileError(options.directory, "cannot create", error.value());
  std::filesystem::path path = options.directory / kFileName;
  UniqueFd fd(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return FileError(path, "cannot open", errno);

  std::shared_ptr<Recorder> recorder(
      new Recorder(std::move(options), std::move(path), std::move(fd), std::move(events)));
  LK_RETURN_IF_ERROR(recorder->Replay());
  return recorder;
}

Recorder::Recorder(RecorderOptions options, std::filesystem::path path, UniqueFd fd, Events events)
    : options_(std::move(options)),
      path_(std::move(path)),
      fd_(std::move(fd)),
      on_bytes_(std::move(events.on_bytes)),
      on_end_(std::move(events.on_end)),
      engine_(options_.detection, {.on_finding = std::move(events.on_finding),
                                   .on_header = std::move(events.on_header),
                                   .on_canary = std::move(events.on_canary),
                                   .on_over = std::move(events.on_over)}) {}

Status Recorder::Replay() {
  const MutexLock engine_lock(&engine_mutex_);
  const MutexLock lock(&mutex_);
  const off_t size = lseek(fd_.get(), 0, SEEK_END);
  if (size < 0) return FileError(path_, "cannot seek", errno);
  uint64_t guest_bytes = static_cast<uint64_t>(size);

  std::array<char, 64 << 10> buffer;
  if (guest_bytes >= kFull.size()) {
    const ssize_t got = ReadAt(fd_.get(), buffer.data(), kFull.size(), guest_bytes - kFull.size());
    if (got < 0) return FileError(path_, "cannot read", errno);
    closed_ = std::string_view(buffer.data(), static_cast<size_t>(got)) == kFull;
    if (closed_) guest_bytes -= kFull.size();
  }
  while (recorded_ < guest_bytes) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), guest_bytes - recorded_);
    const ssize_t got = ReadAt(fd_.get(), buffer.data(), wanted, recorded_);
    if (got < 0) return FileError(path_, "cannot read", errno);
    if (got == 0) return FileError(path_, "shrank while it was being read", EIO);
    engine_.Feed({buffer.data(), static_cast<size_t>(got)});
    recorded_ += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

void Recorder::Record(std::string_view bytes) {
  if (closed_) return;
  const std::string_view kept = bytes.substr(0, options_.max_bytes - std::min(options_.max_bytes, recorded_));
  std::error_code error = WriteAll(fd_.get(), kept);
  if (!error) {
    recorded_ += kept.size();
    if (on_bytes_ && !kept.empty()) on_bytes_(recorded_);
    if (kept.size() == bytes.size()) return;
    error = WriteAll(fd_.get(), kFull);
  }
  closed_ = true;
  if (error) spdlog::error("{}: cannot write: {}; recording stopped", path_.string(), error.message());
}

void Recorder::OnBytes(std::string_view bytes) {
  bool first = false;
  bool full = false;
  {
    const MutexLock lock(&mutex_);
    // Record before detection runs, so that the text of a finding can be read as soon as it is reported.
    Record(bytes);
    first = unread_.empty();
    unread_ += bytes;
    full = unread_.size() > kMaxUnread;
  }
  if (full) {
    Detect();
  } else if (first) {
    PostDetect();
  }
}

void Recorder::OnEnd() {
  PostDetect([this](detect::Engine& engine) {
    engine.Finish();
    if (on_end_) on_end_();
  });
}

void Recorder::OnQuiet() {
  PostDetect([](detect::Engine& engine) { engine.Flush(); });
}

void Recorder::AnnounceBoot() {
  PostDetect([](detect::Engine& engine) { engine.AnnounceBoot(); });
}

void Recorder::Detect(const std::function<void(detect::Engine&)>& then) {
  const MutexLock engine_lock(&engine_mutex_);
  std::string bytes;
  {
    const MutexLock lock(&mutex_);
    bytes.swap(unread_);
  }
  engine_.Feed(bytes);
  if (then) then(engine_);
}

void Recorder::PostDetect(std::function<void(detect::Engine&)> then) {
  options_.executor->Post(options_.key, [self = shared_from_this(), then = std::move(then)] { self->Detect(then); });
}

uint64_t Recorder::stream_offset() const {
  MutexLock lock(&mutex_);
  return recorded_;
}

}  // namespace lk::console
