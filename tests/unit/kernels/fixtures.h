// SPDX-License-Identifier: Apache-2.0
// Small packages, images and modules with only the parts that lk reads.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/kernels/library.h"

namespace lk::testing {

// A temporary directory for one test.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  // Writes a file and returns its path.
  std::filesystem::path Write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

struct Entry {
  std::string path;
  std::string content;
  mode_t mode = S_IFREG | 0644;
  std::string symlink = "";   // target
  std::string hardlink = "";  // target
};

enum class Filter { kNone, kGzip, kXz, kZstd };
std::string Compress(std::string_view bytes, Filter filter);
std::string Tar(const std::vector<Entry>& entries, Filter filter = Filter::kNone);
// A tar whose only entry claims to have this size, but has no contents.
std::string TarThatClaims(const std::string& path, uint64_t bytes);
std::string Deb(std::string_view data_tar, const std::string& member = "data.tar.xz");

// An x86 image with this release in its setup header. The payload is the packed kernel proper.
std::string BzImage(const std::string& release, std::string_view payload = {});
std::string Arm64Image(const std::string& release, std::string_view data = {});
// The bytes that CONFIG_IKCONFIG adds to an image.
std::string EmbeddedConfigOf(std::string_view config);

// A 64-bit ELF file with these sections.
std::string Elf(const std::vector<std::pair<std::string, std::string>>& sections);
// A kernel's .notes section with this build ID, preceded by a note of a different type.
std::string Notes(std::string_view build_id);

struct ModuleSpec {
  std::string depends = "";  // comma-separated
  std::string softdep = "";  // "pre: a b post: c"
  std::string release = "6.1.0-40-cloud-amd64";
};
std::string Module(const ModuleSpec& spec = {});

// The data.tar entries of a Debian image package, with virtio_net (requires net_failover and failover) and other
// modules.
std::vector<Entry> PackageEntries(const std::string& release = "6.1.0-40-cloud-amd64");
kernels::Upload PackageUpload(const TempDir& dir, const std::vector<Entry>& entries, const std::string& name = "k.deb");

}  // namespace lk::testing
