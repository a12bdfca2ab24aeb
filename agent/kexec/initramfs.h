// SPDX-License-Identifier: Apache-2.0
// The initramfs that this guest came from, made anew of what is in it: for the kernel that is booted next.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Writes one "newc" cpio (Documentation/driver-api/early-userspace/buffer-format.rst) into memory.
class NewcWriter {
 public:
  // Paths are relative to /. A directory comes before what is in it.
  void Directory(std::string_view path, unsigned mode);
  void File(std::string_view path, unsigned mode, std::string_view content);
  void CharacterDevice(std::string_view path, unsigned mode, unsigned major, unsigned minor);
  void Link(std::string_view path, std::string_view target);
  // The archive, complete. Nothing may be added any more.
  std::string Finish();

 private:
  void Add(std::string_view path, unsigned mode, std::string_view content, unsigned major = 0, unsigned minor = 0);

  std::string bytes_;
  unsigned inode_ = 0;
};

// Everything below `root` that lies on its file system, what is mounted on it left out, with /dev/console (which
// devtmpfs hides) and with `replaced`: files by their path relative to root, in place of those of that name.
// Errors: what reading the files says.
StatusOr<std::string> PackInitramfs(const std::string& root, const std::map<std::string, std::string>& replaced);

}  // namespace lk::agent
