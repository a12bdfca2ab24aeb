// SPDX-License-Identifier: Apache-2.0
// From the paths a user names to the files that make a kernel build.
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
  // modules_archive: a lib/modules/<release> directory, or a kernel build tree; it is packed by OpenUpload.
  std::filesystem::path path;
};

using Labels = std::map<std::string, std::string>;

// One kernel build.
struct Upload {
  std::string source;
  std::vector<UploadFile> files;
  // What a build tree says of itself (kLabelsFile).
  Labels labels = {};
};

// A file of a build tree with the build's lineage, a label a line: "source=linux-source-6.12". deploy/kernels/lab
// writes it.
inline constexpr char kLabelsFile[] = "labels";

// "key=value". Errors: INVALID_ARGUMENT.
StatusOr<Labels::value_type> ParseLabel(const std::string& text);
// Errors: NOT_FOUND; INVALID_ARGUMENT naming the line.
StatusOr<Labels> ReadLabels(const std::filesystem::path& file);

// Paths may be, in any order:
//   FILE.deb              a build of its own; with `together` all packages are one build
//   VMLINUZ MODULESDIR    an image and, right behind it, its lib/modules/<release> directory
//   VMLINUZ               a bare image
//   DIRECTORY             a kernel build tree: arch/x86/boot/bzImage or arch/arm64/boot/Image (Image.gz, vmlinuz.efi),
//                         .config, modules.order, vmlinux where it has debug information, and labels
// `config` (may be empty) is the configuration of the image; there must be one image only.
// Errors: INVALID_ARGUMENT, NOT_FOUND naming the path.
StatusOr<std::vector<Upload>> PlanUploads(const std::vector<std::string>& paths, const std::string& config,
                                          bool together);

// The file's bytes from the start; a modules directory as a tar made in the temporary directory, unlinked already. The
// same modules give the same tar: sorted, without times and owners. Errors: NOT_FOUND, INVALID_ARGUMENT (no modules).
StatusOr<UniqueFd> OpenUpload(const UploadFile& file);

}  // namespace lk::cli
