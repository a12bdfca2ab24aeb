// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "server/vm/libvirt/console.h"
#include "support/unique_fd.h"

namespace lk::vm::libvirt {
namespace {

// virtlogd's default max_backups (virtlogd.conf).
constexpr int kBackups = 3;
// Maximum number of bytes read before other consoles and events get their turn.
constexpr size_t kTurnBytes = 1 << 20;
// Maximum time to wait for virtlogd to close the log after the domain has ended. If virtlogd has died, it never does.
constexpr int kCloseMilliseconds = 2000;

Status Errno(std::string_view what, const std::filesystem::path& path) {
  return WithFault(absl::UnavailableError(fmt::format("{} {}: {}", what, path.string(), std::strerror(errno))),
                   Fault::kHost);
}

// Opens those of the log files that exist, oldest first: path.2, path.1, path.0, path.
std::vector<UniqueFd> OpenAll(const std::filesystem::path& path) {
  std::vector<UniqueFd> files;
  for (int n = kBackups - 1; n >= -1; --n) {
    UniqueFd fd(open((n < 0 ? path.string() : fmt::format("{}.{}", path.string(), n)).c_str(), O_RDONLY | O_CLOEXEC));
    if (fd) files.push_back(std::move(fd));
  }
  return files;
}

struct stat StatOf(int fd) {
  struct stat result = {};
  fstat(fd, &result);
  return result;
}

// The log's files as one growing stream of bytes.
class RotatedLog {
 public:
  // Seeks to `offset`. If that cannot be located, seeks to the end and returns false.
  bool Open(const std::filesystem::path& path, uint64_t offset) {
    path_ = path;
    auto files = OpenAll(path);
    const bool all = files.size() < kBackups + 1;  // otherwise the oldest may have been deleted
    for (auto& file : files) {
      fd_ = std::move(file);
      const uint64_t size = StatOf(fd_.get()).st_size;
      if (all && offset <= size) {
        lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET);
        return true;
      }
      offset -= std::min(offset, size);
    }
    if (fd_) lseek(fd_.get(), 0, SEEK_END);
    return false;
  }

  bool is_open() const { return static_cast<bool>(fd_); }

  // Returns 0 if there is no more data at the moment.
  size_t Read(char* buffer, size_t size) {
    while (true) {
      const ssize_t got = read(fd_.get(), buffer, size);
      if (got > 0) return got;
      if (got < 0 && errno == EINTR) continue;
      auto next = Next();
      if (!next) return 0;
      // The last bytes were written before the rename, but possibly after the read above.
      const ssize_t last = read(fd_.get(), buffer, size);
      if (last > 0) return last;
      fd_ = std::move(*next);
    }
  }

 private:
  // The file that follows the current one, if the current one has been renamed.
  std::optional<UniqueFd> Next() const {
    const auto here = StatOf(fd_.get());
    auto files = OpenAll(path_);
    for (size_t i = 0; i + 1 < files.size(); ++i) {
      const auto there = StatOf(files[i].get());
      if (there.st_ino == here.st_ino && there.st_dev == here.st_dev) return std::move(files[i + 1]);
    }
    return std::nullopt;
  }

  std::filesystem::path path_;
  UniqueFd fd_;
};

class LogFollower final : public Console {
 public:
  explicit LogFollower(ConsoleSink sink) : sink_(std::move(sink)) {}

  ~LogFollower() override {
    if (watch_ >= 0) virEventRemoveHandle(watch_);
    if (timer_ >= 0) virEventRemoveTimeout(timer_);
  }

  Status Open(const std::filesystem::path& path, uint64_t offset) {
    name_ = path.filename().string();
    inotify_ = UniqueFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    // Watch the directory rather than the file, to see the new file after a rotation as well.
    if (!inotify_ || inotify_add_watch(inotify_.get(), path.parent_path().c_str(),
                                       IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_CLOSE_WRITE) < 0) {
      return Errno("cannot watch", path.parent_path());
    }
    const bool placed = log_.Open(path, offset);
    if (!log_.is_open()) return Errno("cannot open", path);
    if (!placed) sink_.on_bytes(kGap);
    watch_ = virEventAddHandle(
        inotify_.get(), VIR_EVENT_HANDLE_READABLE,
        [](int, int, int, void* self) { static_cast<LogFollower*>(self)->OnInotify(); }, this, nullptr);
    timer_ = virEventAddTimeout(
        0, [](int, void* self) { static_cast<LogFollower*>(self)->OnTimer(); }, this, nullptr);
    return absl::OkStatus();
  }

  void DomainEnded() override {
    if (ended_) return;
    ended_ = true;
    virEventUpdateTimeout(timer_, closed_ ? 0 : kCloseMilliseconds);
  }

  void Reconnected(virDomain*) override {}  // the log does not depend on the connection

 private:
  void OnInotify() {
    alignas(inotify_event) std::array<char, 4096> buffer;
    ssize_t got;
    bool ours = false;
    while ((got = read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
      for (ssize_t at = 0; at < got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
        // After a queue overflow (an event without a name), any event may be missing.
        if ((event->mask & IN_Q_OVERFLOW) == 0 && (event->len == 0 || name_ != event->name)) continue;
        ours = true;
        if (event->mask & IN_CLOSE_WRITE) closed_ = true;
      }
    }
    if (!ours) return;
    if (!ended_) {
      if (!Pump()) virEventUpdateTimeout(timer_, 0);
    } else if (closed_) {
      virEventUpdateTimeout(timer_, 0);
    }
  }

  void OnTimer() {
    if (!Pump()) return;  // the timer stays at 0, so reading continues in the loop's next iteration
    virEventUpdateTimeout(timer_, -1);
    if (ended_ && sink_.on_end) std::exchange(sink_.on_end, nullptr)();
  }

  // Returns true once everything has been delivered.
  bool Pump() {
    std::array<char, 64 << 10> buffer;
    for (size_t turn = 0; turn < kTurnBytes;) {
      const size_t got = log_.Read(buffer.data(), buffer.size());
      if (got == 0) return true;
      sink_.on_bytes({buffer.data(), got});
      turn += got;
    }
    return false;
  }

  ConsoleSink sink_;
  std::string name_;
  UniqueFd inotify_;
  RotatedLog log_;
  int watch_ = -1;
  int timer_ = -1;
  bool ended_ = false;
  bool closed_ = false;  // virtlogd has closed the log
};

}  // namespace

StatusOr<std::unique_ptr<Console>> FollowLog(const std::filesystem::path& path, uint64_t offset, ConsoleSink sink) {
  auto follower = std::make_unique<LogFollower>(std::move(sink));
  LK_RETURN_IF_ERROR(follower->Open(path, offset));
  return follower;
}

void ReadRestOfLog(const std::filesystem::path& path, uint64_t offset, const ConsoleSink& sink) {
  RotatedLog log;
  const bool placed = log.Open(path, offset);
  if (log.is_open()) {
    if (!placed) sink.on_bytes(kGap);
    std::array<char, 64 << 10> buffer;
    while (const size_t got = log.Read(buffer.data(), buffer.size())) sink.on_bytes({buffer.data(), got});
  }
  sink.on_end();
}

}  // namespace lk::vm::libvirt
