// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/ballast.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "agent/files.h"
#include "agent/scenarios/meminfo.h"
#include "support/unique_fd.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr int64_t kMaxChunks = 64;
constexpr timespec kPause = {0, 10'000'000};
constexpr char kCgroup[] = "/sys/fs/cgroup/lk_ballast";

// Runs in a forked child of a multithreaded process, so it must not allocate memory or take locks.
[[noreturn]] void Hold(int meminfo, char* memory, uint64_t room, uint64_t floor, std::atomic<uint64_t>& shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpriority(PRIO_PROCESS, 0, -20);  // the calls keep all CPUs busy
  uint64_t held = 0;
  for (;; nanosleep(&kPause, nullptr)) {
    std::array<char, 4096> text;
    const ssize_t got = pread(meminfo, text.data(), text.size(), 0);
    const auto available = ParseMeminfo({text.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))}, "MemAvailable");
    if (!available) continue;
    for (int64_t chunks = ChunksToTake(*available, floor); chunks > 0 && held + kBallastChunk <= room; --chunks) {
      if (mlock(memory + held, kBallastChunk) != 0) break;
      held += kBallastChunk;
      shared.store(held, std::memory_order_relaxed);
    }
    for (int64_t chunks = ChunksToTake(*available, floor); chunks < 0 && held > 0; ++chunks) {
      held -= kBallastChunk;
      munlock(memory + held, kBallastChunk);
      madvise(memory + held, kBallastChunk, MADV_DONTNEED);
    }
    shared.store(held, std::memory_order_relaxed);
  }
}

}  // namespace

int64_t ChunksToTake(uint64_t available, uint64_t floor) {
  const auto chunk = static_cast<int64_t>(kBallastChunk);
  const int64_t above = static_cast<int64_t>(available) - static_cast<int64_t>(floor);
  // Round down, so that a chunk is released too early rather than too late.
  const int64_t chunks = above >= 0 ? above / chunk : -((-above + chunk - 1) / chunk);
  return std::min(chunks, kMaxChunks);
}

StatusOr<std::unique_ptr<Ballast>> Ballast::Start(uint64_t floor) {
  const UniqueFd meminfo(open("/proc/meminfo", O_RDONLY | O_CLOEXEC));
  if (!meminfo) return absl::ErrnoToStatus(errno, "/proc/meminfo");
  const auto available = Meminfo("MemAvailable");
  if (!available) return absl::FailedPreconditionError("/proc/meminfo does not list MemAvailable");
  if (ChunksToTake(*available, floor) <= 0) {
    return absl::FailedPreconditionError(fmt::format(
        "the ballast can hold nothing: {} MiB are available, and the floor is {} MiB", *available >> 20, floor >> 20));
  }
  const uint64_t room = Meminfo("MemTotal").value_or(0);
  void* const memory = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the ballast");
  // The child could not report that it cannot lock anything.
  if (mlock(memory, kBallastChunk) != 0) return absl::ErrnoToStatus(errno, "cannot lock the ballast");
  void* const shared =
      mmap(nullptr, sizeof(std::atomic<uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the ballast's counter");
  auto* const held = new (shared) std::atomic<uint64_t>(0);

  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot fork the ballast process");
  if (pid == 0) Hold(meminfo.get(), static_cast<char*>(memory), room, floor, *held);
  munmap(memory, room);
  (void)WriteFile(fmt::format("/proc/{}/oom_score_adj", pid), "-1000");
  // If this fails, the ballast stays in this process's cgroup, which affects only the statistics.
  mkdir(kCgroup, 0755);
  (void)WriteFile(fmt::format("{}/cgroup.procs", kCgroup), fmt::format("{}", pid));
  return std::unique_ptr<Ballast>(new Ballast(pid, held));
}

Ballast::~Ballast() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  rmdir(kCgroup);
  munmap(shared_, sizeof *shared_);
}

}  // namespace lk::agent::ipi_low_memory
