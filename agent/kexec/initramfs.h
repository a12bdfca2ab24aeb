// SPDX-License-Identifier: Apache-2.0
// Rebuilds this guest's initramfs from its contents, for the next kernel.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Builds a cpio archive in "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst) in memory.
class NewcWriter {
 public:
  // Paths are relative to /. Add a directory before its entries.
  void Directory(std::string_view path, unsigned mode);
  void File(std::string_view path, unsigned mode, std::string_view content);
  void CharacterDevice(std::string_view path, unsigned mode, unsigned major, unsigned minor);
  void Link(std::string_view path, std::string_view target);
  // Returns the complete archive. Nothing can be added afterwards.
  std::string Finish();

 private:
  void Add(std::string_view path, unsigned mode, std::string_view content, unsigned major = 0, unsigned minor = 0);

  std::string bytes_;
  unsigned inode_ = 0;
};

// Packs everything under `root` that is on the same file system, plus /dev/console (which devtmpfs hides). `replaced`
// maps paths relative to `root` to contents, which are added or replace the files with these paths. Errors: those of
// reading the files.
StatusOr<std::string> PackInitramfs(const std::string& root, const std::map<std::string, std::string>& replaced);

}  // namespace lk::agent
