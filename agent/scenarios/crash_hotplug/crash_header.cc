// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/crash_header.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "support/file.h"

namespace lk::agent::crash_hotplug {
namespace {

constexpr uint64_t kPage = 4096;  // ELF_CORE_HEADER_ALIGN
constexpr uint64_t kFirstMiB = 1 << 20;
// Kernels that update the header reserve room in it for CONFIG_CRASH_MAX_MEMORY_RANGES entries (8192 by default). Allow
// twice that.
constexpr size_t kMaxHeader = sizeof(Elf64_Ehdr) + 16384 * sizeof(Elf64_Phdr);

bool IsCoreHeader(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
         header.e_type == ET_CORE && header.e_phentsize == sizeof(Elf64_Phdr) && header.e_phnum > 0;
}

template <typename T>
bool ReadAt(int fd, uint64_t offset, T& value) {
  return pread(fd, &value, sizeof value, static_cast<off_t>(offset)) == static_cast<ssize_t>(sizeof value);
}

// Returns the offset of a physical address in /proc/kcore. In kcore's program headers, p_paddr is set for the direct
// map (fs/proc/kcore.c).
std::optional<uint64_t> KcoreOffset(int kcore, uint64_t physical) {
  Elf64_Ehdr header;
  if (!ReadAt(kcore, 0, header) || !IsCoreHeader(header)) return {};
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!ReadAt(kcore, header.e_phoff + i * sizeof segment, segment)) return {};
    if (segment.p_type == PT_LOAD && segment.p_paddr <= physical && physical - segment.p_paddr < segment.p_memsz) {
      return segment.p_offset + (physical - segment.p_paddr);
    }
  }
  return {};
}

}  // namespace

Ranges MemoryToDump(std::string_view iomem) {
  Ranges holes = ParseIomem(iomem, "Crash kernel");
  holes.push_back({0, kFirstMiB});
  return Subtract(ParseIomem(iomem, "System RAM"), Normalise(std::move(holes)));
}

StatusOr<Ranges> ParseCoreHeader(std::string_view bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header) return absl::InvalidArgumentError("ELF core header: truncated");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (!IsCoreHeader(header)) return absl::InvalidArgumentError("not an ELF core header");
  if (header.e_phoff > bytes.size() || (bytes.size() - header.e_phoff) / sizeof(Elf64_Phdr) < header.e_phnum) {
    return absl::InvalidArgumentError("ELF core header: segments truncated");
  }
  Ranges ranges;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD) ranges.push_back({segment.p_paddr, segment.p_paddr + segment.p_memsz});
  }
  return Subtract(Normalise(std::move(ranges)), {{0, kFirstMiB}});
}

StatusOr<CrashHeader> CrashHeader::Find() {
  const auto iomem = ReadFile("/proc/iomem");
  if (!iomem.ok()) return absl::FailedPreconditionError(iomem.status().message());
  UniqueFd kcore(open("/proc/kcore", O_RDONLY | O_CLOEXEC));
  if (!kcore) return absl::FailedPreconditionError(fmt::format("/proc/kcore: {}", strerror(errno)));
  for (const Range& region : ParseIomem(*iomem, "Crash kernel")) {
    const auto base = KcoreOffset(kcore.get(), region.start);
    if (!base) return absl::FailedPreconditionError("/proc/kcore does not contain the crash kernel's memory");
    for (uint64_t at = region.start; at < region.end; at += kPage) {
      Elf64_Ehdr header;
      const uint64_t offset = *base + (at - region.start);
      if (ReadAt(kcore.get(), offset, header) && IsCoreHeader(header)) return CrashHeader(std::move(kcore), offset);
    }
  }
  return absl::FailedPreconditionError("no ELF core header found in the crash kernel's memory");
}

StatusOr<Ranges> CrashHeader::Read() const {
  Elf64_Ehdr header;
  if (!ReadAt(kcore_.get(), offset_, header) || !IsCoreHeader(header)) {
    return absl::InvalidArgumentError("the ELF core header has disappeared");
  }
  std::string bytes(std::min(kMaxHeader, header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr)), '\0');
  const ssize_t got = pread(kcore_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
  if (got < 0) return absl::ErrnoToStatus(errno, "/proc/kcore");
  return ParseCoreHeader({bytes.data(), static_cast<size_t>(got)});
}

}  // namespace lk::agent::crash_hotplug
