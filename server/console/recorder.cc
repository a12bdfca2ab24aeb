// SPDX-License-Identifier: Apache-2.0
#include "server/console/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace lk::console {
namespace {

// Ends a record that reached its bound. It comes last, so offsets in the record are those of the guest's stream.
constexpr std::string_view kFull =
    "\n[lk: the record is full; what the guest printed after this was judged, but not kept]\n";

Status FileError(const std::filesystem::path& path, std::string_view what, int error) {
  return absl::ErrnoToStatus(error, fmt::format("{}: {}", path.string(), what));
}

// Returns 0, or errno of write(2).
int WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

// Returns bytes read (fewer than asked for only at the end of the file), or -1 with errno.
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

StatusOr<std::unique_ptr<Recorder>> Recorder::Open(const std::filesystem::path& directory, detect::Options options,
                                                   Events events, uint64_t max_bytes) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return FileError(directory, "can't create", error.value());
  const std::filesystem::path path = directory / kFileName;
  UniqueFd fd(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return FileError(path, "can't open", errno);

  std::unique_ptr<Recorder> recorder(
      new Recorder(path, std::move(fd), std::move(options), std::move(events), max_bytes));
  MutexLock lock(&recorder->mutex_);
  LK_RETURN_IF_ERROR(recorder->Replay());
  return recorder;
}

Recorder::Recorder(std::filesystem::path path, UniqueFd fd, detect::Options options, Events events, uint64_t max_bytes)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      on_bytes_(std::move(events.on_bytes)),
      max_bytes_(max_bytes),
      engine_(std::move(options), {.on_finding = std::move(events.on_finding),
                                   .on_header = std::move(events.on_header),
                                   .on_canary = std::move(events.on_canary)}) {}

Status Recorder::Replay() {
  const off_t size = lseek(fd_.get(), 0, SEEK_END);
  if (size < 0) return FileError(path_, "can't seek", errno);
  uint64_t guest_bytes = static_cast<uint64_t>(size);

  std::array<char, 64 << 10> buffer;
  if (guest_bytes >= kFull.size()) {
    const ssize_t got = ReadAt(fd_.get(), buffer.data(), kFull.size(), guest_bytes - kFull.size());
    if (got < 0) return FileError(path_, "can't read", errno);
    closed_ = std::string_view(buffer.data(), static_cast<size_t>(got)) == kFull;
    if (closed_) guest_bytes -= kFull.size();
  }
  while (recorded_ < guest_bytes) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), guest_bytes - recorded_);
    const ssize_t got = ReadAt(fd_.get(), buffer.data(), wanted, recorded_);
    if (got < 0) return FileError(path_, "can't read", errno);
    if (got == 0) return FileError(path_, "became shorter while it was read", EIO);
    engine_.Feed({buffer.data(), static_cast<size_t>(got)});
    recorded_ += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

void Recorder::Record(std::string_view bytes) {
  if (closed_) return;
  const std::string_view kept = bytes.substr(0, max_bytes_ - std::min(max_bytes_, recorded_));
  int error = WriteAll(fd_.get(), kept);
  if (error == 0) {
    recorded_ += kept.size();
    if (on_bytes_ && !kept.empty()) on_bytes_(recorded_);
    if (kept.size() == bytes.size()) return;
    error = WriteAll(fd_.get(), kFull);
  }
  closed_ = true;
  if (error != 0) spdlog::error("{}: can't write: {}; recording stops", path_.string(), std::strerror(error));
}

void Recorder::OnBytes(std::string_view bytes) {
  MutexLock lock(&mutex_);
  // Recorded before it is judged: whoever hears of a finding can read it.
  Record(bytes);
  engine_.Feed(bytes);
}

void Recorder::OnEnd() {
  MutexLock lock(&mutex_);
  engine_.Finish();
}

void Recorder::OnQuiet() {
  MutexLock lock(&mutex_);
  engine_.Flush();
}

void Recorder::AnnounceBoot() {
  MutexLock lock(&mutex_);
  engine_.AnnounceBoot();
}

uint64_t Recorder::stream_offset() const {
  MutexLock lock(&mutex_);
  return recorded_;
}

}  // namespace lk::console
