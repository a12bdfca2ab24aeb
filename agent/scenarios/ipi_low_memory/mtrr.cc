// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/ipi_low_memory/mtrr.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "support/file.h"

#if defined(__x86_64__)
#include <asm/mtrr.h>
#include <sys/ioctl.h>
#endif

namespace lk::agent::ipi_low_memory {

std::optional<unsigned> ParsePhysicalBits(std::string_view cpuinfo) {
  const size_t line = cpuinfo.find("address sizes");
  if (line == cpuinfo.npos) return {};
  const size_t digits = cpuinfo.find_first_of("0123456789\n", line);
  unsigned bits = 0;
  if (digits == cpuinfo.npos) return {};
  const auto parsed = std::from_chars(cpuinfo.data() + digits, cpuinfo.data() + cpuinfo.size(), bits);
  if (parsed.ec != std::errc() || !std::string_view(parsed.ptr).starts_with(" bits physical")) return {};
  return bits;
}

#if defined(__x86_64__)

StatusOr<Mtrr> Mtrr::Open() {
  UniqueFd fd(open("/proc/mtrr", O_RDWR | O_CLOEXEC));
  if (!fd)
    return absl::FailedPreconditionError("/proc/mtrr is not available (requires CONFIG_MTRR and a CPU with MTRRs)");
  const auto cpuinfo = ReadFile("/proc/cpuinfo");
  const auto bits = cpuinfo.ok() ? ParsePhysicalBits(*cpuinfo) : std::nullopt;
  if (!bits) return absl::FailedPreconditionError("/proc/cpuinfo does not list the physical address size");
  Mtrr mtrr(std::move(fd), uint64_t{1} << (*bits - 1));
  for (const int error : {mtrr.Add(), mtrr.Delete()}) {
    if (error != 0) return absl::FailedPreconditionError(fmt::format("cannot change an MTRR: {}", strerror(error)));
  }
  return mtrr;
}

int Mtrr::Change(bool add) const {
  mtrr_sentry entry{};
  entry.base = base_;
  entry.size = 1 << 20;
  entry.type = MTRR_TYPE_UNCACHABLE;
  // On success, ioctl returns the register number.
  return ioctl(fd_.get(), add ? MTRRIOC_ADD_ENTRY : MTRRIOC_DEL_ENTRY, &entry) < 0 ? errno : 0;
}

#else

StatusOr<Mtrr> Mtrr::Open() {
  return absl::FailedPreconditionError("this architecture has no MTRRs");
}

int Mtrr::Change(bool) const {
  return ENXIO;
}

#endif

}  // namespace lk::agent::ipi_low_memory
