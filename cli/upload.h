// SPDX-License-Identifier: Apache-2.0
// Maps the paths given by the user to the files of kernel builds.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::cli {

struct UploadFile {
  // debian_package, image, config, modules_archive, debug; see lk.v1.AddKernelRequest.
  std::string role;
  std::string name;
  // For modules_archive: a lib/modules/<release> directory or a kernel build tree, packed by OpenUpload.
  std::filesystem::path path;
};

using Labels = std::map<std::string, std::string>;

// One kernel build.
struct Upload {
  std::string source;
  std::vector<UploadFile> files;
  // Read from the build tree (kLabelsFile).
  Labels labels = {};
};

// File in a build tree with the provenance of the build, one label per line: "source=linux-source-6.12". Written by
// deploy/kernels/lab.
inline constexpr char kLabelsFile[] = "labels";

// "key=value". Errors: INVALID_ARGUMENT.
StatusOr<Labels::value_type> ParseLabel(const std::string& text);
// Errors: NOT_FOUND; INVALID_ARGUMENT quoting the line.
StatusOr<Labels> ReadLabels(const std::filesystem::path& file);

// Accepted paths, in any order:
//   FILE.deb              one build per package; with `together`, one build of all packages
//   VMLINUZ MODULESDIR    an image, immediately followed by its lib/modules/<release> directory
//   VMLINUZ               a bare image
//   DIRECTORY             a kernel build tree: arch/x86/boot/bzImage or arch/arm64/boot/Image (Image.gz, vmlinuz.efi),
//                         .config, modules.order, vmlinux if it has debug information, and labels
// `config` is the kernel configuration of the image; if it is not empty, there must be exactly one image.
// Errors: INVALID_ARGUMENT; NOT_FOUND, with the path.
StatusOr<std::vector<Upload>> PlanUploads(const std::vector<std::string>& paths, const std::string& config,
                                          bool together);

// Opens the file for reading. Modules are packed into an unlinked tar file in the temporary directory. The same
// modules always produce the same tar file: it is sorted and has no timestamps or owners. Errors: NOT_FOUND,
// INVALID_ARGUMENT (no modules).
StatusOr<UniqueFd> OpenUpload(const UploadFile& file);

}  // namespace lk::cli
