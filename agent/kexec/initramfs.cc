// SPDX-License-Identifier: Apache-2.0
#include "agent/kexec/initramfs.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <vector>

#include "support/file.h"

namespace lk::agent {
namespace {

namespace fs = std::filesystem;

constexpr size_t kAlign = 4;

class Packer {
 public:
  Packer(fs::path root, dev_t device, const std::map<std::string, std::string>& replaced)
      : root_(std::move(root)), device_(device), replaced_(replaced) {}

  Status Pack(const fs::path& directory) {
    std::error_code error;
    std::vector<fs::path> entries;
    for (fs::directory_iterator it(directory, error), end; it != end; it.increment(error))
      entries.push_back(it->path());
    if (error) return absl::ErrnoToStatus(error.value(), directory.string());
    std::sort(entries.begin(), entries.end());
    for (const fs::path& path : entries) LK_RETURN_IF_ERROR(Add(path));
    return absl::OkStatus();
  }
  std::string Finish() { return cpio_.Finish(); }
  NewcWriter& cpio() { return cpio_; }

 private:
  Status Add(const fs::path& path) {
    const std::string name = path.lexically_relative(root_).string();
    if (replaced_.contains(name) || name == "dev/console") return absl::OkStatus();
    struct stat info;
    if (lstat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path.string());
    if (S_ISDIR(info.st_mode)) {
      cpio_.Directory(name, info.st_mode & 07777);
      return info.st_dev == device_ ? Pack(path) : absl::OkStatus();
    }
    if (S_ISREG(info.st_mode)) {
      LK_ASSIGN_OR_RETURN(const std::string content, ReadFile(path));
      cpio_.File(name, info.st_mode & 07777, content);
    } else if (S_ISCHR(info.st_mode)) {
      cpio_.CharacterDevice(name, info.st_mode & 07777, major(info.st_rdev), minor(info.st_rdev));
    } else if (S_ISLNK(info.st_mode)) {
      std::error_code error;
      const fs::path target = fs::read_symlink(path, error);
      if (error) return absl::ErrnoToStatus(error.value(), path.string());
      cpio_.Link(name, target.string());
    }
    return absl::OkStatus();
  }

  const fs::path root_;
  const dev_t device_;
  const std::map<std::string, std::string>& replaced_;
  NewcWriter cpio_;
};

}  // namespace

void NewcWriter::Add(std::string_view path, unsigned mode, std::string_view content, unsigned major, unsigned minor) {
  constexpr unsigned kNone = 0;
  fmt::format_to(std::back_inserter(bytes_),
                 "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}", ++inode_, mode,
                 kNone, kNone, 1U, kNone, content.size(), kNone, kNone, major, minor, path.size() + 1, kNone);
  const auto pad = [this] { bytes_.append((kAlign - bytes_.size() % kAlign) % kAlign, '\0'); };
  bytes_.append(path);
  bytes_.push_back('\0');
  pad();
  bytes_.append(content);
  pad();
}

void NewcWriter::Directory(std::string_view path, unsigned mode) {
  Add(path, S_IFDIR | mode, {});
}
void NewcWriter::File(std::string_view path, unsigned mode, std::string_view content) {
  Add(path, S_IFREG | mode, content);
}
void NewcWriter::CharacterDevice(std::string_view path, unsigned mode, unsigned major, unsigned minor) {
  Add(path, S_IFCHR | mode, {}, major, minor);
}
void NewcWriter::Link(std::string_view path, std::string_view target) {
  Add(path, S_IFLNK | 0777, target);
}
std::string NewcWriter::Finish() {
  Add("TRAILER!!!", 0, {});
  return std::move(bytes_);
}

StatusOr<std::string> PackInitramfs(const std::string& root, const std::map<std::string, std::string>& replaced) {
  struct stat info;
  if (stat(root.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, root);
  Packer packer(root, info.st_dev, replaced);
  LK_RETURN_IF_ERROR(packer.Pack(root));
  packer.cpio().CharacterDevice("dev/console", 0600, 5, 1);
  for (const auto& [path, content] : replaced) packer.cpio().File(path, 0600, content);
  return packer.Finish();
}

}  // namespace lk::agent
