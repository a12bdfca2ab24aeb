// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probes.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <thread>

#include "support/unique_fd.h"

namespace lk::agent {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

void SleepUntil(uint64_t ns) {
  const timespec wake{static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr) == EINTR) {
  }
}

void SetFifo(int priority) {
  sched_param param{};
  param.sched_priority = priority;
  // Without the necessary privilege, the probe measures ordinary scheduling.
  sched_setscheduler(0, priority > 0 ? SCHED_FIFO : SCHED_OTHER, &param);
}

// Makes the calling thread SCHED_FIFO for the lifetime of this object only, because probes run on the caller's threads.
class FifoScope {
 public:
  FifoScope() { SetFifo(50); }
  ~FifoScope() { SetFifo(0); }
};

Status NoCpu(int cpu) {
  return absl::FailedPreconditionError("CPU " + std::to_string(cpu) + " is not available");
}

int Membarrier(int command) {
  return static_cast<int>(syscall(SYS_membarrier, command, 0, 0));
}

}  // namespace

uint64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

std::vector<int> UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(getpid(), sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

bool PinToCpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

Status ProbeTimerWakeup(int cpu, absl::Duration period, uint64_t until, const RecordNs& record) {
  if (!PinToCpu(cpu)) return NoCpu(cpu);
  const FifoScope fifo;
  const auto step = static_cast<uint64_t>(absl::ToInt64Nanoseconds(period));
  for (uint64_t wake = MonotonicNs() + step; wake < until;) {
    SleepUntil(wake);
    const uint64_t now = MonotonicNs();
    record(now - wake);
    // Periods missed during the sleep count as one late wake-up.
    wake += step * ((now - wake) / step + 1);
  }
  return absl::OkStatus();
}

Status ProbeIpiRoundTrip(const std::vector<int>& cpus, absl::Duration period, uint64_t until, const RecordNs& record) {
  if (cpus.size() < 2) return absl::FailedPreconditionError("requires two CPUs");
  if (Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) {
    return absl::UnimplementedError("the kernel has no membarrier PRIVATE_EXPEDITED");
  }
  if (!PinToCpu(cpus[0])) return NoCpu(cpus[0]);
  // membarrier(2) interrupts only CPUs that are running a thread of this process (kernel/sched/membarrier.c), so keep a
  // thread running on each.
  std::atomic<bool> stop{false};
  std::vector<std::jthread> running;
  for (size_t i = 1; i < cpus.size(); ++i) {
    running.emplace_back([&stop, cpu = cpus[i]] {
      if (!PinToCpu(cpu)) return;
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  }
  const auto step = static_cast<uint64_t>(absl::ToInt64Nanoseconds(period));
  for (uint64_t start = MonotonicNs(); start < until; start = MonotonicNs()) {
    Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    const uint64_t end = MonotonicNs();
    record(end - start);
    SleepUntil(end + step);
  }
  stop = true;
  return absl::OkStatus();
}

Status ProbePageFault(int cpu, uint64_t until, const RecordNs& record) {
  if (!PinToCpu(cpu)) return NoCpu(cpu);
  constexpr size_t kBytes = 4 << 20;
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mmap");
  madvise(memory, kBytes, MADV_NOHUGEPAGE);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* const bytes = static_cast<volatile std::byte*>(memory);
  while (MonotonicNs() < until) {
    for (size_t offset = 0; offset < kBytes; offset += page) {
      const uint64_t start = MonotonicNs();
      bytes[offset] = std::byte{1};
      record(MonotonicNs() - start);
    }
    madvise(memory, kBytes, MADV_DONTNEED);
  }
  munmap(memory, kBytes);
  return absl::OkStatus();
}

Status ProbeSchedWakeup(int cpu_a, int cpu_b, uint64_t until, const RecordNs& record) {
  if (!PinToCpu(cpu_a)) return NoCpu(cpu_a);
  const UniqueFd ping(eventfd(0, EFD_CLOEXEC)), pong(eventfd(0, EFD_CLOEXEC));
  if (!ping || !pong) return absl::ErrnoToStatus(errno, "eventfd");
  // Time at which one thread woke the other. 0 means stop.
  std::atomic<uint64_t> woken_at{1};
  std::jthread other([&, cpu_b] {
    PinToCpu(cpu_b);
    eventfd_t ignored;
    while (eventfd_read(ping.get(), &ignored) == 0) {
      const uint64_t since = woken_at.load();
      if (since == 0) return;
      record(MonotonicNs() - since);
      woken_at = MonotonicNs();
      eventfd_write(pong.get(), 1);
    }
  });
  eventfd_t ignored;
  for (uint64_t now = MonotonicNs(); now < until; now = MonotonicNs()) {
    woken_at = now;
    eventfd_write(ping.get(), 1);
    if (eventfd_read(pong.get(), &ignored) != 0) break;
    record(MonotonicNs() - woken_at);
  }
  woken_at = 0;
  eventfd_write(ping.get(), 1);
  return absl::OkStatus();
}

}  // namespace lk::agent
