// SPDX-License-Identifier: Apache-2.0
// What the trigger writes to its disks, so that a read shows whether the data came from the right place and arrived in
// the right one. Each sector begins with a word that depends only on the disk and the sector, so concurrent writes of a
// sector do not conflict.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace lk::agent::iommu_invalidation {

inline constexpr uint64_t kSector = 512;
// In a buffer that has not been read into.
inline constexpr uint64_t kUntouched = ~uint64_t{0};

inline uint64_t Stamp(unsigned disk, uint64_t sector) {
  return (uint64_t{0x6c6b} << 48) | (uint64_t{disk & 0xff} << 40) | (sector & 0xffffffffff);
}

// `sector` is the number of the first one.
inline void StampBuffer(char* buffer, size_t bytes, unsigned disk, uint64_t sector) {
  for (size_t at = 0; at < bytes; at += kSector, ++sector) {
    const uint64_t stamp = Stamp(disk, sector);
    std::memcpy(buffer + at, &stamp, sizeof stamp);
  }
}

inline void ClearBuffer(char* buffer, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kSector) std::memcpy(buffer + at, &kUntouched, sizeof kUntouched);
}

// Returns what is wrong with a buffer that has been read into; empty if every sector has its stamp, or is zero because
// it was never written.
inline std::string CheckBuffer(const char* buffer, size_t bytes, unsigned disk, uint64_t sector) {
  for (size_t at = 0; at < bytes; at += kSector, ++sector) {
    uint64_t word = 0;
    std::memcpy(&word, buffer + at, sizeof word);
    if (word == 0 || word == Stamp(disk, sector)) continue;
    if (word == kUntouched) return fmt::format("sector {} did not arrive in the buffer", sector);
    return fmt::format("sector {}: expected {:016x}, found {:016x}", sector, Stamp(disk, sector), word);
  }
  return "";
}

}  // namespace lk::agent::iommu_invalidation
