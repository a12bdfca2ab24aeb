// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/cross_calls.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>

#include "agent/scenarios/ipi_low_memory/caller.h"
#include "support/unique_fd.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr size_t kPage = 4096;
// On most architectures, a page table maps this much.
constexpr size_t kTable = 2 << 20;
constexpr size_t kBytes = 2 * kTable;
// More than a TLB flush tracks without allocating (MMU_GATHER_BUNDLE in include/asm-generic/tlb.h).
constexpr size_t kPages = 16;

constexpr struct {
  int registration;
  int command;
} kForms[] = {
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED},
    {MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, MEMBARRIER_CMD_GLOBAL_EXPEDITED},
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE},
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ},
};

int Command(int command) {
  return syscall(SYS_membarrier, command, 0, 0) == 0 ? 0 : errno;
}

}  // namespace

Membarrier::Membarrier() {
  for (const auto& [registration, command] : kForms) {
    if (Command(registration) == 0) commands_.push_back(command);
  }
}

int Membarrier::Call(size_t turn) const {
  return Command(commands_[turn % commands_.size()]);
}

bool Mapping::Map() {
  void* const bytes = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED) return false;
  bytes_ = static_cast<char*>(bytes);
  madvise(bytes_, kBytes, MADV_NOHUGEPAGE);  // a huge page has no page table to free
  volatile char* const table = bytes_ + (kTable - reinterpret_cast<uintptr_t>(bytes_) % kTable) % kTable;
  for (size_t page = 0; page < kPages; ++page) table[page * kPage] = 1;
  return true;
}

int Mapping::Protect() const {
  return mprotect(bytes_, kBytes, PROT_READ) == 0 ? 0 : errno;
}

int Mapping::Unmap() {
  const int error = munmap(bytes_, kBytes) == 0 ? 0 : errno;
  bytes_ = nullptr;
  return error;
}

int CountOnCpu(int cpu) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  const UniqueFd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return errno == ENODEV ? kNotMade : errno;
  uint64_t count = 0;
  const ssize_t got = read(event.get(), &count, sizeof count);
  if (got < 0) return errno;
  return got == sizeof count ? 0 : kNotMade;
}

SlabCaches::SlabCaches() {
  std::error_code error;
  for (const auto& cache : std::filesystem::directory_iterator("/sys/kernel/slab", error)) {
    // The symlinks are further names of caches that serve several purposes.
    const std::string file = cache.path() / "shrink";
    if (!cache.is_symlink() && access(file.c_str(), W_OK) == 0) files_.push_back(file);
  }
}

int SlabCaches::Shrink(size_t turn) const {
  const UniqueFd file(open(files_[turn % files_.size()].c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno == ENOENT ? kNotMade : errno;
  return write(file.get(), "1", 1) == 1 ? 0 : errno;
}

}  // namespace lk::agent::ipi_low_memory
