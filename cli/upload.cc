// SPDX-License-Identifier: Apache-2.0
#include "cli/upload.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>

#include "server/symbols/symbols.h"
#include "support/archive_error.h"

namespace lk::cli {
namespace {

namespace fs = std::filesystem;

// Path in the archive -> path on disk.
using ModuleFiles = std::map<std::string, fs::path>;

bool IsBuildTree(const fs::path& directory) {
  return fs::exists(directory / ".config") && fs::exists(directory / "Makefile");
}

bool IsModulesDirectory(const fs::path& directory) {
  return fs::exists(directory / "kernel") || fs::exists(directory / "modules.dep") ||
         fs::exists(directory / "modules.order");
}

StatusOr<Upload> BuildTree(const fs::path& tree) {
  for (const char* image :
       {"arch/x86/boot/bzImage", "arch/arm64/boot/Image", "arch/arm64/boot/Image.gz", "arch/arm64/boot/vmlinuz.efi"}) {
    if (!fs::exists(tree / image)) continue;
    Upload upload{
        .source = tree.string(),
        .files = {{"image", fs::path(image).filename(), tree / image}, {"config", ".config", tree / ".config"}}};
    if (symbols::HasDebugInfo(tree / "vmlinux")) upload.files.push_back({"debug", "vmlinux", tree / "vmlinux"});
    if (fs::exists(tree / "modules.order")) upload.files.push_back({"modules_archive", "modules.tar", tree});
    if (fs::is_regular_file(tree / kLabelsFile)) {
      LK_ASSIGN_OR_RETURN(upload.labels, ReadLabels(tree / kLabelsFile));
    }
    return upload;
  }
  return absl::NotFoundError(
      fmt::format("{} is a kernel build tree without a built image (expected "
                  "arch/x86/boot/bzImage or arch/arm64/boot/Image)",
                  tree.string()));
}

// Uses the layout of `make modules_install`. modules.order lists every module: as "fs/a/a.o" since Linux 6.3, as
// "kernel/fs/a/a.ko" before that (scripts/modules_install.sh, Makefile.modinst).
ModuleFiles FromBuildTree(const fs::path& tree) {
  ModuleFiles files;
  std::ifstream order(tree / "modules.order");
  for (std::string line; std::getline(order, line);) {
    if (line.starts_with("kernel/")) line.erase(0, sizeof "kernel/" - 1);
    const fs::path module = fs::path(line).replace_extension(".ko");
    if (fs::is_regular_file(tree / module)) files["kernel/" + module.string()] = tree / module;
  }
  for (const char* list : {"modules.order", "modules.builtin", "modules.builtin.modinfo"}) {
    if (fs::is_regular_file(tree / list)) files[list] = tree / list;
  }
  return files;
}

// Skips symlinks (`build`, `source`).
ModuleFiles FromModulesDirectory(const fs::path& directory) {
  ModuleFiles files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_symlink() || !entry.is_regular_file()) continue;
    files[entry.path().lexically_relative(directory).string()] = entry.path();
  }
  return files;
}

Status CannotRead(const fs::path& path) {
  return absl::NotFoundError(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
}

Status AddToArchive(struct archive* tar, const std::string& name, const fs::path& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return CannotRead(path);
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(fs::file_size(path)));
  bool good = archive_write_header(tar, entry.get()) == ARCHIVE_OK;
  std::array<char, 64 << 10> buffer;
  for (ssize_t n = 1; good && n > 0;) {
    n = read(file.get(), buffer.data(), buffer.size());
    if (n < 0) return CannotRead(path);
    good = archive_write_data(tar, buffer.data(), static_cast<size_t>(n)) == n;
  }
  return good ? absl::OkStatus()
              : absl::ResourceExhaustedError(fmt::format("cannot pack modules: {}", ArchiveError(tar)));
}

StatusOr<UniqueFd> PackModules(const fs::path& directory) {
  const ModuleFiles files = IsBuildTree(directory) ? FromBuildTree(directory) : FromModulesDirectory(directory);
  if (files.empty()) return absl::InvalidArgumentError(fmt::format("no modules in {}", directory.string()));

  std::string name = (fs::temp_directory_path() / "lkctl-modules-XXXXXX").string();
  UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return absl::ResourceExhaustedError(fmt::format("cannot create {}: {}", name, std::strerror(errno)));
  unlink(name.c_str());

  const std::unique_ptr<struct archive, decltype(&archive_write_free)> tar(archive_write_new(), archive_write_free);
  archive_write_set_format_pax_restricted(tar.get());
  archive_write_open_fd(tar.get(), fd.get());
  for (const auto& [path, file] : files) LK_RETURN_IF_ERROR(AddToArchive(tar.get(), path, file));
  if (archive_write_close(tar.get()) != ARCHIVE_OK) {
    return absl::ResourceExhaustedError(fmt::format("cannot pack modules: {}", ArchiveError(tar.get())));
  }
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

}  // namespace

StatusOr<Labels::value_type> ParseLabel(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return absl::InvalidArgumentError(fmt::format("invalid label \"{}\" (expected key=value)", text));
  }
  return Labels::value_type(text.substr(0, equals), text.substr(equals + 1));
}

StatusOr<Labels> ReadLabels(const fs::path& file) {
  Labels labels;
  std::ifstream lines(file);
  if (!lines) return CannotRead(file);
  for (std::string line; std::getline(lines, line);) {
    const auto label = ParseLabel(line);
    if (!label.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}: {}", file.string(), std::string(label.status().message())));
    }
    labels.insert(*label);
  }
  return labels;
}

StatusOr<std::vector<Upload>> PlanUploads(const std::vector<std::string>& paths, const std::string& config,
                                          bool together) {
  std::vector<Upload> uploads;
  Upload packages;
  std::vector<size_t> images;  // indices of uploads that --config could apply to
  std::error_code ignored;
  for (size_t i = 0; i < paths.size(); ++i) {
    const fs::path path(paths[i]);
    const auto name = [](const fs::path& p) { return p.filename().string(); };
    if (!fs::exists(path, ignored))
      return absl::NotFoundError(fmt::format("{}: no such file or directory", path.string()));
    if (fs::is_directory(path)) {
      if (!IsBuildTree(path)) {
        return absl::InvalidArgumentError(
            IsModulesDirectory(path)
                ? fmt::format("{} is a modules directory; specify its vmlinuz before it", path.string())
                : fmt::format("{} is not a kernel build tree (expected .config and Makefile)", path.string()));
      }
      LK_ASSIGN_OR_RETURN(Upload upload, BuildTree(path));
      uploads.push_back(std::move(upload));
    } else if (path.extension() == ".deb") {
      const UploadFile package{"debian_package", name(path), path};
      if (together) {
        if (packages.files.empty()) packages.source = name(path);
        packages.files.push_back(package);
      } else {
        uploads.push_back({name(path), {package}});
      }
    } else {
      images.push_back(uploads.size());
      Upload upload{name(path), {{"image", name(path), path}}};
      const bool modules =
          i + 1 < paths.size() && fs::is_directory(paths[i + 1], ignored) && !IsBuildTree(paths[i + 1]);
      if (modules) {
        if (!IsModulesDirectory(paths[i + 1])) {
          return absl::InvalidArgumentError(fmt::format("{} is not a lib/modules/<release> directory", paths[i + 1]));
        }
        upload.files.push_back({"modules_archive", "modules.tar", paths[++i]});
      }
      uploads.push_back(std::move(upload));
    }
  }
  if (!packages.files.empty()) uploads.push_back(std::move(packages));
  if (!config.empty()) {
    if (images.size() != 1) return absl::InvalidArgumentError("--config requires exactly one vmlinuz");
    if (!fs::is_regular_file(config, ignored))
      return absl::NotFoundError(fmt::format("--config: {}: no such file", config));
    uploads[images.front()].files.push_back({"config", fs::path(config).filename().string(), config});
  }
  return uploads;
}

StatusOr<UniqueFd> OpenUpload(const UploadFile& file) {
  if (file.role == "modules_archive") {
    try {
      return PackModules(file.path);
    } catch (const fs::filesystem_error& error) {
      return absl::NotFoundError(fmt::format("{}: {}", file.path.string(), error.code().message()));
    }
  }
  UniqueFd fd(open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return CannotRead(file.path);
  return fd;
}

}  // namespace lk::cli
