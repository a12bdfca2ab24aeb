// SPDX-License-Identifier: Apache-2.0
// Reading archives that somebody else made. Nothing here trusts them, and no outside program is ever started.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::kernels {

// Unpacks chosen regular files of archives below one folder; links are never made, let alone followed.
//
// Refused, with the entry named (INVALID_ARGUMENT): absolute paths, "..", symbolic and hard links that leave the
// archive's tree, devices and FIFOs, a chosen entry that is a hard link or comes twice, more than `limit` bytes
// unpacked over all archives (chosen or not), anything that is not the archive it should be, or that is cut off.
class Unpacker {
 public:
  static constexpr uint64_t kLimit = uint64_t{4} << 30;

  // Where an entry goes, relative to the destination; empty: it is not wanted. Both are in normal form.
  using Placement = std::function<StatusOr<std::filesystem::path>(const std::filesystem::path& entry)>;

  explicit Unpacker(std::filesystem::path destination, uint64_t limit = kLimit)
      : destination_(std::move(destination)), limit_(limit) {}

  // The files a Debian package installs: the data.tar member of the ar archive (deb(5)).
  Status DebianPackage(const std::filesystem::path& file, const std::string& name, const Placement& placement);
  // A tar, plain or compressed with gzip, bzip2, xz or zstd.
  Status Tar(const std::filesystem::path& file, const std::string& name, const Placement& placement);

 private:
  std::filesystem::path destination_;
  uint64_t limit_;
  uint64_t unpacked_ = 0;
};

// Undoes whatever of gzip, bzip2, lzma, xz, lz4 or zstd is there; other bytes come back as they are. A stream that is
// followed by something else gives what it holds. Error: INVALID_ARGUMENT (cut off, damaged, more than `limit` bytes).
StatusOr<std::string> Decompress(std::string_view bytes, uint64_t limit);

}  // namespace lk::kernels
