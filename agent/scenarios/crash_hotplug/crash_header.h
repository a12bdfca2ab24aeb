// SPDX-License-Identifier: Apache-2.0
// The ELF header by which a crash kernel will find the memory of the kernel that crashed ("elfcorehdr"). It lies in the
// memory reserved for the crash kernel; /proc/kcore shows that memory as part of the direct map.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/witness/iomem.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::crash_hotplug {

// What a dump has to cover: System RAM, but for what is reserved for the crash kernel itself and the first MiB (which
// x86 leaves out, arch/x86/kernel/crash.c).
Ranges MemoryToDump(std::string_view iomem);

// What the PT_LOAD segments of an ELF core header (64 bit, native byte order) cover, the first MiB left out.
// Error: INVALID_ARGUMENT: no such header, or cut off.
StatusOr<Ranges> ParseCoreHeader(std::string_view bytes);

// Looks at the header of the crash kernel that is loaded.
class CrashHeader {
 public:
  // Searches the crash kernel's memory for it, page by page. Errors: FAILED_PRECONDITION: it cannot be read here, and
  // why.
  static StatusOr<CrashHeader> Find();

  // What it covers now. Errors: as ParseCoreHeader.
  StatusOr<Ranges> Read() const;

 private:
  CrashHeader(UniqueFd kcore, uint64_t offset) : kcore_(std::move(kcore)), offset_(offset) {}

  UniqueFd kcore_;
  uint64_t offset_;  // in /proc/kcore
};

}  // namespace lk::agent::crash_hotplug
