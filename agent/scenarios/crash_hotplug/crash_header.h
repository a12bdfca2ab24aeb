// SPDX-License-Identifier: Apache-2.0
// The elfcorehdr: the ELF header that describes the crashed kernel's memory to the crash kernel. It is located in the
// memory reserved for the crash kernel, which is accessible through the direct map in /proc/kcore.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/witness/iomem.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent::crash_hotplug {

// Returns the memory that a dump has to cover: System RAM except the crash kernel's own memory and the first MiB (which
// x86 excludes, arch/x86/kernel/crash.c).
Ranges MemoryToDump(std::string_view iomem);

// Returns the memory covered by the PT_LOAD segments of an ELF core header (64-bit, native byte order), without the
// first MiB. Error: INVALID_ARGUMENT (a different header, or truncated).
StatusOr<Ranges> ParseCoreHeader(std::string_view bytes);

// Reads the header of the loaded crash kernel.
class CrashHeader {
 public:
  // Searches the crash kernel's memory for the header, page by page. Error: FAILED_PRECONDITION with the reason why the
  // header cannot be read.
  static StatusOr<CrashHeader> Find();

  // Returns the memory that the header covers now. Errors: those of ParseCoreHeader and pread(2).
  StatusOr<Ranges> Read() const;

 private:
  CrashHeader(UniqueFd kcore, uint64_t offset) : kcore_(std::move(kcore)), offset_(offset) {}

  UniqueFd kcore_;
  uint64_t offset_;  // in /proc/kcore
};

}  // namespace lk::agent::crash_hotplug
