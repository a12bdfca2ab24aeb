// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/cross_calls.h"

#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "support/unique_fd.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr size_t kPage = 4096;

constexpr struct {
  int registration;
  int command;
} kForms[] = {
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED},
    {MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, MEMBARRIER_CMD_GLOBAL_EXPEDITED},
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE},
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ},
};

long Command(int command) {
  return syscall(SYS_membarrier, command, 0, 0);
}

}  // namespace

Membarrier::Membarrier() {
  for (const auto& [registration, command] : kForms) {
    if (Command(registration) == 0) commands_.push_back(command);
  }
}

void Membarrier::Call(size_t turn) const {
  Command(commands_[turn % commands_.size()]);
}

bool Shootdown::Prepare() {
  Unmap();
  void* const page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  page_ = page;
  *static_cast<volatile char*>(page_) = 1;
  return true;
}

void Shootdown::Unmap() {
  if (page_ != nullptr) munmap(page_, kPage);
  page_ = nullptr;
}

void Shootdown::Call(size_t turn) {
  if (turn % 2 == 0) {
    mprotect(page_, kPage, PROT_READ);
  } else {
    Unmap();
  }
}

bool CountOnCpu(int cpu) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  const UniqueFd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  uint64_t count = 0;
  return event && read(event.get(), &count, sizeof count) == sizeof count;
}

}  // namespace lk::agent::ipi_low_memory
