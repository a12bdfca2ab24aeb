// SPDX-License-Identifier: Apache-2.0
// Reads untrusted archives without running external programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::kernels {

// Unpacks selected regular files from archives into one directory. Links are never created, let alone followed.
//
// Rejects with INVALID_ARGUMENT and the name of the entry: absolute paths, "..", symbolic and hard links that point
// outside the archive, devices and FIFOs, selected entries that are hard links or duplicates, more than `limit`
// unpacked bytes in all archives together (including entries that are not selected), and files that are truncated or
// not the expected kind of archive.
class Unpacker {
 public:
  static constexpr uint64_t kLimit = uint64_t{4} << 30;

  // Maps an entry to its path relative to the destination; an empty path skips it. Both paths are in normal form.
  using Placement = std::function<StatusOr<std::filesystem::path>(const std::filesystem::path& entry)>;

  explicit Unpacker(std::filesystem::path destination, uint64_t limit = kLimit)
      : destination_(std::move(destination)), limit_(limit) {}

  // Unpacks the files that a Debian package installs: the data.tar member of the ar archive (deb(5)).
  Status DebianPackage(const std::filesystem::path& file, const std::string& name, const Placement& placement);
  // Unpacks a tar archive, plain or compressed with gzip, bzip2, lzma, xz, lz4 or zstd.
  Status Tar(const std::filesystem::path& file, const std::string& name, const Placement& placement);

 private:
  std::filesystem::path destination_;
  uint64_t limit_;
  uint64_t unpacked_ = 0;
};

// Decompresses gzip, bzip2, lzma, xz, lz4 and zstd. Returns other data unchanged, and ignores anything that follows the
// compressed stream. Error: INVALID_ARGUMENT (truncated, corrupt, more than `limit` bytes).
StatusOr<std::string> Decompress(std::string_view bytes, uint64_t limit);

}  // namespace lk::kernels
