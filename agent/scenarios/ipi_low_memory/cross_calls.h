// SPDX-License-Identifier: Apache-2.0
// System calls that cause cross-CPU calls. Each returns 0, its errno or kNotMade (caller.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lk::agent::ipi_low_memory {

// The expedited forms of membarrier(2) that this kernel supports, registered for this process.
class Membarrier {
 public:
  Membarrier();
  bool any() const { return !commands_.empty(); }
  // Uses the forms in turn.
  int Call(size_t turn) const;

 private:
  std::vector<int> commands_;
};

// Private pages. When they are write-protected or unmapped, the kernel flushes them from the TLB of each CPU that runs
// a thread of this process. There are enough of them that unmapping allocates memory, with which fewer flushes suffice,
// and frees a page table, which also takes an allocation or, on some architectures, a cross-CPU call (tlb_next_batch()
// and tlb_remove_table() in mm/mmu_gather.c).
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (mapped()) Unmap();
  }
  bool mapped() const { return bytes_ != nullptr; }
  // Maps the pages and touches them. Returns false if that fails.
  bool Map();
  int Protect() const;
  int Unmap();

 private:
  char* bytes_ = nullptr;
};

// Opens, reads and closes a perf event that counts another CPU's clock. The kernel performs each step on that CPU
// (kernel/events/core.c). kNotMade if the CPU is offline.
int CountOnCpu(int cpu);

// The slab caches, from which a shrink takes what each CPU holds. Kernels before 5.15 do so with cross-CPU calls, for
// which those before 5.7 allocate memory (on_each_cpu_cond() in kernel/smp.c); later ones queue work on each CPU.
class SlabCaches {
 public:
  SlabCaches();
  bool any() const { return !files_.empty(); }
  // Shrinks the caches in turn. kNotMade if the cache is gone.
  int Shrink(size_t turn) const;

 private:
  std::vector<std::string> files_;
};

}  // namespace lk::agent::ipi_low_memory
