// SPDX-License-Identifier: Apache-2.0
#include "cli/lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ostream>

#include "cli/follow.h"
#include "cli/upload.h"
#include "support/unique_fd.h"

namespace lk::cli {
namespace {

namespace fs = std::filesystem;

// Retries the call while it fails with EINTR.
template <typename Function>
auto RetryInterrupted(Function function) {
  auto result = function();
  while (result < 0 && errno == EINTR) result = function();
  return result;
}

struct Pipe {
  UniqueFd read, write;

  static StatusOr<Pipe> Make() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      return absl::ResourceExhaustedError(fmt::format("pipe: {}", std::strerror(errno)));
    }
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  }
};

// A child process in its own process group. The destructor terminates the group.
class Child {
 public:
  // Errors: NOT_FOUND (cannot be executed).
  Status Start(const std::vector<std::string>& command, int out, int err) {
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    // A shell cannot trap a signal that was ignored when it started, and background jobs start with SIGINT ignored.
    sigset_t interrupts;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    posix_spawnattr_setsigdefault(&attributes, &interrupts);
    const int error = posix_spawn(&pid_, argv[0], &files, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (error == 0) return absl::OkStatus();
    pid_ = -1;
    return absl::NotFoundError(fmt::format("{}: {}", command.front(), std::strerror(error)));
  }
  Child() = default;
  ~Child() {
    if (pid_ >= 0) End(SIGTERM);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Terminates the whole group. Sends the signal repeatedly, because a shell that is just starting its next command
  // does not pass it on to that command.
  void End(int signal) {
    constexpr int kTries = 10, kPauseMs = 1000;
    const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    pollfd gone{process.get(), POLLIN, 0};
    for (int tries = 0; tries < kTries; ++tries) {
      kill(-pid_, signal);
      if (poll(&gone, 1, kPauseMs) > 0) break;
    }
    kill(-pid_, SIGKILL);
    Wait();
  }
  // The exit code, or 128 + N if terminated by signal N.
  int Wait() {
    int status = 0;
    RetryInterrupted([&] { return waitpid(pid_, &status, 0); });
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace

StatusOr<fs::path> FindLab() {
  std::vector<fs::path> folders;
  const char* named = std::getenv("LK_KERNELS_DIR");
  if (named != nullptr && *named != '\0') {
    folders.emplace_back(named);
  } else {
    std::error_code ignored;
    folders.push_back(fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "share/lk/kernels");
    folders.emplace_back(LK_SOURCE_KERNELS_DIR);
  }
  for (const fs::path& folder : folders) {
    if (access((folder / "lab").c_str(), X_OK) == 0) return folder / "lab";
  }
  std::string looked;
  for (const fs::path& folder : folders) looked += fmt::format("{}{}", looked.empty() ? "" : ", ", folder.string());
  return absl::NotFoundError(
      fmt::format("cannot find the kernel build script \"lab\" in {} (set LK_KERNELS_DIR to its directory)", looked));
}

StatusOr<fs::path> RunLab(Io& io, const fs::path& lab, const std::vector<std::string>& args) {
  const Interrupt interrupt;
  LK_ASSIGN_OR_RETURN(Pipe out, Pipe::Make());
  LK_ASSIGN_OR_RETURN(Pipe err, Pipe::Make());
  std::vector<std::string> command = {lab.string()};
  command.insert(command.end(), args.begin(), args.end());
  Child child;
  LK_RETURN_IF_ERROR(child.Start(command, out.write.get(), err.write.get()));
  out.write.reset();
  err.write.reset();

  std::string printed;
  std::array<pollfd, 2> ends = {pollfd{out.read.get(), POLLIN, 0}, pollfd{err.read.get(), POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    // Bounds the response time to a signal that arrives just before poll().
    constexpr int kTickMs = 200;
    poll(ends.data(), ends.size(), kTickMs);
    if (interrupt.raised()) {
      child.End(SIGINT);
      return absl::CancelledError("interrupted; object files built so far are kept for the next build");
    }
    for (pollfd& end : ends) {
      if (end.fd < 0 || end.revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t n = RetryInterrupted([&] { return read(end.fd, buffer.data(), buffer.size()); });
      if (n <= 0) {
        end.fd = -1;
      } else if (end.fd == out.read.get()) {
        printed.append(buffer.data(), static_cast<size_t>(n));
      } else {
        io.err.write(buffer.data(), n).flush();
      }
    }
  }
  const int code = child.Wait();
  if (code != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} failed with exit code {}; see its output above", lab.string(), code));
  }
  while (printed.ends_with('\n')) printed.pop_back();
  return fs::path(printed);
}

StatusOr<fs::path> UnmutatedFolder(const fs::path& mutant) {
  LK_ASSIGN_OR_RETURN(const Labels labels, ReadLabels(mutant / kLabelsFile));
  const auto base = labels.find("mutant-of");
  if (base == labels.end()) return absl::NotFoundError(fmt::format("{} is not a mutant", mutant.string()));
  return mutant.parent_path() / base->second;
}

}  // namespace lk::cli
