// SPDX-License-Identifier: Apache-2.0
// Kernel builds on disk, addressed by content.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "server/campaign/types.h"
#include "support/status.h"

namespace lk::kernels {

// A file that a client has uploaded, spooled to disk.
struct Upload {
  std::string role;  // debian_package, image, config, modules_archive, debug
  std::string name;
  std::filesystem::path path;
};

// Layout: <root>/<id>/{vmlinuz, config, modules/..., debug/{vmlinux, modules/...}}. A build is renamed to <root>/<id>
// when it is complete. debug/ contains optional debug information (the vmlinux of a build tree, role debug, or a -dbg
// package). It does not affect the id, so it can be added later by adding the same build again with it. The properties
// of a build (labels, release ...) are in the store; the library keeps only its files.
class Library {
 public:
  explicit Library(std::filesystem::path root);

  // Reads, unpacks, checks and stores the uploads. The result is complete except for labels, `added` and `source`.
  // Adding a build again returns the same id. Errors: INVALID_ARGUMENT (not a kernel; unknown architecture; modules of
  // a different release; debug information of a different build, or a debug file without any; an archive that contains
  // devices, absolute paths, ".." or links that point outside it, or that exceeds 4 GiB unpacked).
  StatusOr<campaign::KernelBuild> Ingest(const std::vector<Upload>& uploads);
  Status Remove(const std::string& id);

  std::filesystem::path Image(const std::string& id) const;
  std::filesystem::path ModulesDirectory(const std::string& id) const;

  // The files and directories with a build's debug information, for symbols::Symbols::Open. Empty if there are none.
  std::vector<std::filesystem::path> DebugFiles(const std::string& id) const;

  // The files of these modules and all their dependencies, in load order, relative to ModulesDirectory. Built-in
  // modules, and modules in `names` that are absent, are left out.
  StatusOr<std::vector<std::filesystem::path>> ModuleClosure(const std::string& id,
                                                             const std::vector<std::string>& names) const;
  // The decompressed contents of a module (.ko, .ko.xz, .ko.zst, .ko.gz).
  StatusOr<std::string> ReadModule(const std::string& id, const std::filesystem::path& relative) const;

  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

// Modules that every guest loads if it has them: virtio transport and network (to reach the controller), panic device
// and watchdog.
const std::vector<std::string>& GuestModules();

}  // namespace lk::kernels
