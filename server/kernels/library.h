// SPDX-License-Identifier: Apache-2.0
// Kernel builds on disk, by content.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "server/campaign/types.h"
#include "support/status.h"

namespace lk::kernels {

// A file as a client sent it, spooled to disk.
struct Upload {
  std::string role;  // debian_package, image, config, modules_archive, debug
  std::string name;
  std::filesystem::path path;
};

// Layout: <root>/<id>/{vmlinuz, config, modules/..., debug/{vmlinux, modules/...}}; <root>/<id> appears by rename(2)
// when it is complete. debug/ is the debug information that came along (role debug: the vmlinux of a build tree; a -dbg
// package), and no part of the content: a build has the same id without it, and may get it when it is added again.
// What is known of a build (labels, release ...) lives in the store; this keeps its files.
class Library {
 public:
  explicit Library(std::filesystem::path root);

  // Reads the uploads, unpacks, checks and files them. The result is complete but for labels, `added` and `source`.
  // Adding what is there gives the same id. Errors: INVALID_ARGUMENT (not a kernel; architecture unknown; modules of
  // another release; debug information of another build, or none in its file; archive with absolute paths, "..", links
  // that leave it, devices, or over 4 GiB unpacked).
  StatusOr<campaign::KernelBuild> Ingest(const std::vector<Upload>& uploads);
  Status Remove(const std::string& id);

  std::filesystem::path Image(const std::string& id) const;
  std::filesystem::path ModulesDirectory(const std::string& id) const;

  // Where a build's debug information is: files and directories for symbols::Symbols::Open. Empty: it came without.
  std::vector<std::filesystem::path> DebugFiles(const std::string& id) const;

  // The files of these modules and all they depend on, in load order, relative to ModulesDirectory. Names use
  // underscores; a module that is built in, or absent, is left out.
  StatusOr<std::vector<std::filesystem::path>> ModuleClosure(const std::string& id,
                                                             const std::vector<std::string>& names) const;
  // Content of a module, decompressed (.ko, .ko.xz, .ko.zst, .ko.gz).
  StatusOr<std::string> ReadModule(const std::string& id, const std::filesystem::path& relative) const;

  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

// Modules every guest needs to reach its controller: virtio transport and network, panic device.
const std::vector<std::string>& GuestModules();

}  // namespace lk::kernels
