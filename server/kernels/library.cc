// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/library.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "server/kernels/elf.h"
#include "server/kernels/files.h"
#include "server/kernels/kernel_image.h"
#include "server/kernels/modules.h"
#include "server/kernels/unpacker.h"
#include "support/file.h"

namespace lk::kernels {
namespace {

namespace fs = std::filesystem;
using campaign::KernelBuild;

constexpr std::string_view kScratch = ".tmp-";
constexpr const char* kImage = "vmlinuz";
constexpr const char* kConfig = "config";
constexpr const char* kModules = "modules";
constexpr const char* kDebug = "debug";
constexpr const char* kDebugImage = "debug/vmlinux";

// A temporary directory that is removed together with its contents.
class Scratch {
 public:
  static StatusOr<Scratch> Make(const fs::path& root) {
    std::string name = root / fmt::format("{}XXXXXX", kScratch);
    if (mkdtemp(name.data()) == nullptr) return Errno(name);
    return Scratch(name);
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// Keeps only the files that are needed to load modules: the modules themselves and the list of built-in ones.
fs::path PlaceInModules(const fs::path& relative) {
  const bool wanted = IsModule(relative) || relative == "modules.builtin";
  return wanted ? kModules / relative : fs::path();
}

// The same for debug information under lib/modules/<release>: keeps only that of the kernel and its modules.
fs::path PlaceOfDebug(const fs::path& relative) {
  if (relative == "vmlinux") return kDebugImage;
  const bool module = IsModule(relative) || relative.string().ends_with(".ko.debug");
  return module ? fs::path(kDebug) / kModules / relative : fs::path();
}

// Decides where the files of packages are stored, and notes the release in their paths. Debian packages contain
// boot/vmlinuz-<release>, boot/config-<release> and lib/modules/<release>; newer packages have everything in
// usr/lib/modules/<release>. A -dbg package has the same paths under usr/lib/debug, with boot/vmlinux-<release>.
class PackageLayout {
 public:
  StatusOr<fs::path> Place(const fs::path& entry) {
    std::vector<std::string> parts(entry.begin(), entry.end());
    const auto skip = [&](std::string_view name) {
      const bool there = !parts.empty() && parts[0] == name;
      if (there) parts.erase(parts.begin());
      return there;
    };
    skip("usr");
    const bool debug = parts.size() > 1 && parts[1] == kDebug && skip("lib") && skip(kDebug);
    skip("usr");
    if (parts.size() == 2 && parts[0] == "boot") {
      static constexpr struct {
        bool debug;
        std::string_view prefix;
        const char* place;
      } kFiles[] = {{false, "vmlinuz-", kImage}, {false, "config-", kConfig}, {true, "vmlinux-", kDebugImage}};
      for (const auto& file : kFiles) {
        if (file.debug == debug && parts[1].starts_with(file.prefix)) {
          return Note(parts[1].substr(file.prefix.size()), file.place);
        }
      }
    }
    if (parts.size() < 4 || parts[0] != "lib" || parts[1] != "modules") return fs::path();
    fs::path relative;
    for (size_t i = 3; i < parts.size(); ++i) relative /= parts[i];
    const bool own = relative == kImage || relative == kConfig;
    const fs::path place = debug ? PlaceOfDebug(relative) : own ? relative : PlaceInModules(relative);
    if (place.empty()) return place;
    return Note(parts[2], place);
  }
  const std::string& release() const { return release_; }

 private:
  StatusOr<fs::path> Note(const std::string& release, const fs::path& place) {
    if (release_.empty()) release_ = release;
    if (release_ == release) return place;
    return absl::InvalidArgumentError(
        fmt::format("the packages contain two kernels, {} and {}; add them separately", release_, release));
  }

  std::string release_;
};

// Unpacks the uploads into `directory`. Returns the release from the paths in packages, "" if there are no packages.
StatusOr<std::string> Unpack(const std::vector<Upload>& uploads, const fs::path& directory) {
  Unpacker unpacker(directory);
  PackageLayout package;
  for (const Upload& upload : uploads) {
    if (upload.role == "debian_package") {
      LK_RETURN_IF_ERROR(
          unpacker.DebianPackage(upload.path, upload.name, [&](const fs::path& p) { return package.Place(p); }));
    } else if (upload.role == "modules_archive") {
      LK_RETURN_IF_ERROR(unpacker.Tar(upload.path, upload.name, PlaceInModules));
    } else if (upload.role == "image" || upload.role == "config" || upload.role == "debug") {
      const fs::path target = directory / (upload.role == "image"    ? kImage
                                           : upload.role == "config" ? kConfig
                                                                     : kDebugImage);
      std::error_code error;
      fs::create_directories(target.parent_path(), error);
      fs::copy_file(upload.path, target, error);
      if (error == std::errc::file_exists) {
        return absl::InvalidArgumentError(fmt::format("{}: duplicate {}", upload.name, upload.role));
      }
      if (error) return absl::InternalError(fmt::format("{}: {}", upload.name, error.message()));
    } else {
      return absl::InvalidArgumentError(
          fmt::format("{}: unknown role \"{}\" (expected debian_package, image, config, modules_archive or debug)",
                      upload.name, upload.role));
    }
  }
  return package.release();
}

std::string JoinNames(const std::vector<Upload>& uploads) {
  std::string names;
  for (const Upload& upload : uploads) names += (names.empty() ? "" : ", ") + upload.name;
  return names;
}

// The id is a SHA-256 of the path, size and contents of every file, sorted by path, without debug information.
StatusOr<std::string> ContentId(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    fs::path file = entry.path().lexically_relative(directory);
    if (entry.is_regular_file() && *file.begin() != kDebug) files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end());
  Sha256 hash;
  for (const fs::path& file : files) {
    hash.Update(fmt::format("{}\n{}\n", file.string(), fs::file_size(directory / file)));
    LK_RETURN_IF_ERROR(hash.UpdateFile(directory / file));
  }
  return "k" + hash.Hex().substr(0, 12);
}

// Debug information of a different build would give wrong source lines.
Status CheckDebugImage(const fs::path& directory) {
  if (!fs::exists(directory / kDebugImage)) return absl::OkStatus();
  LK_ASSIGN_OR_RETURN(const MappedFile vmlinux, MappedFile::Open(directory / kDebugImage));
  if (!ElfSection(vmlinux.bytes(), ".debug_info")) {
    return absl::InvalidArgumentError("the vmlinux has no debug information (CONFIG_DEBUG_INFO)");
  }
  if (!MayBeOfBuild(directory / kImage, KernelBuildId(vmlinux.bytes()))) {
    return absl::InvalidArgumentError("the image and the vmlinux with debug information are from different builds");
  }
  return absl::OkStatus();
}

// Reads the properties of a build from its files. `named` is the release that appears in the paths inside
// the packages; empty if there are none.
StatusOr<KernelBuild> Describe(const fs::path& directory, const std::string& named) {
  LK_ASSIGN_OR_RETURN(ImageInfo image, InspectImage(directory / kImage));
  LK_RETURN_IF_ERROR(CheckDebugImage(directory));
  LK_ASSIGN_OR_RETURN(const ModuleTree modules, ModuleTree::Open(directory / kModules));
  LK_ASSIGN_OR_RETURN(const std::string modules_release, modules.Release());
  for (const std::string& other : {named, modules_release}) {
    if (other.empty() || other == image.release) continue;
    return absl::InvalidArgumentError(
        fmt::format("the image is Linux {}, but the modules are for {}", image.release, other));
  }
  const auto guest_modules = modules.Closure(GuestModules());
  if (!guest_modules.ok()) return absl::InvalidArgumentError(std::string(guest_modules.status().message()));

  KernelBuild build;
  build.release = image.release;
  build.arch = image.arch;
  build.flavour = FlavourOf(image.release);
  build.banner = image.banner;
  build.image_bytes = fs::file_size(directory / kImage);
  build.has_modules = !modules.empty();
  for (const fs::path& module : *guest_modules) build.guest_modules.push_back(ModuleName(module));
  if (const auto config = ReadFile(directory / kConfig); config.ok()) {
    build.config = ParseConfig(*config);
    Sha256 hash;
    hash.Update(*config);
    build.config_sha256 = hash.Hex();
  }
  return build;
}

// Moves a new build, or new debug information of an existing one, into place. The files are synced to disk first.
Status Publish(const fs::path& directory, const fs::path& target) {
  const bool known = fs::exists(target);
  const fs::path from = known ? directory / kDebug : directory;
  const fs::path to = known ? target / kDebug : target;
  if (!fs::exists(from) || fs::exists(to)) return absl::OkStatus();
  const UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || syncfs(fd.get()) != 0) return Errno(directory.string());
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  // The same build has been added in the meantime.
  if (errno == ENOTEMPTY || errno == EEXIST) return absl::OkStatus();
  return Errno(to.string());
}

}  // namespace

Library::Library(fs::path root) : root_(std::move(root)) {
  std::error_code ignored;
  fs::create_directories(root_, ignored);
  for (fs::directory_iterator it(root_, ignored), end; it != end; it.increment(ignored)) {
    if (it->path().filename().string().starts_with(kScratch)) fs::remove_all(it->path(), ignored);
  }
}

StatusOr<KernelBuild> Library::Ingest(const std::vector<Upload>& uploads) try {
  LK_ASSIGN_OR_RETURN(const Scratch scratch, Scratch::Make(root_));
  const fs::path directory = scratch.path() / "build";
  fs::create_directories(directory / kModules);
  LK_ASSIGN_OR_RETURN(const std::string named, Unpack(uploads, directory));
  const std::string names = JoinNames(uploads);
  if (!fs::exists(directory / kImage)) {
    return absl::InvalidArgumentError(
        fmt::format("no kernel image in {} (searched packages for boot/vmlinuz-<release> and "
                    "lib/modules/<release>/vmlinuz; if the image, modules and debug symbols of a build are in separate "
                    "packages, add them together: lkctl kernel add --together)",
                    names.empty() ? "the upload" : names));
  }
  if (!fs::exists(directory / kConfig)) {
    if (const std::string config = EmbeddedConfig(directory / kImage); !config.empty()) {
      LK_ASSIGN_OR_RETURN(const UniqueFd fd, CreateFile(directory / kConfig));
      if (const std::error_code error = WriteAll(fd.get(), config)) {
        return absl::ErrnoToStatus(error.value(), "write");
      }
    }
  }
  auto build = Describe(directory, named);
  if (!build.ok()) {
    return Status(build.status().code(), fmt::format("{}: {}", names, std::string(build.status().message())));
  }
  LK_ASSIGN_OR_RETURN(build->id, ContentId(directory));
  LK_RETURN_IF_ERROR(Publish(directory, root_ / build->id));
  return build;
} catch (const fs::filesystem_error& error) {
  return absl::InternalError(error.what());
}

Status Library::Remove(const std::string& id) {
  if (!id.starts_with("k") || id.find('/') != std::string::npos)
    return absl::NotFoundError(fmt::format("there is no kernel {}", id));
  LK_ASSIGN_OR_RETURN(const Scratch scratch, Scratch::Make(root_));
  if (rename((root_ / id).c_str(), (scratch.path() / "build").c_str()) == 0) return absl::OkStatus();
  return errno == ENOENT ? absl::NotFoundError(fmt::format("there is no kernel {}", id)) : Errno(id);
}

fs::path Library::Image(const std::string& id) const {
  return root_ / id / kImage;
}

fs::path Library::ModulesDirectory(const std::string& id) const {
  return root_ / id / kModules;
}

std::vector<fs::path> Library::DebugFiles(const std::string& id) const {
  std::vector<fs::path> files;
  std::error_code ignored;
  if (!fs::exists(root_ / id / kDebug, ignored)) return files;
  files.push_back(root_ / id / kDebug);
  // Modules of a build tree contain their own debug information.
  if (!fs::is_empty(ModulesDirectory(id), ignored)) files.push_back(ModulesDirectory(id));
  return files;
}

StatusOr<std::vector<fs::path>> Library::ModuleClosure(const std::string& id,
                                                       const std::vector<std::string>& names) const {
  LK_ASSIGN_OR_RETURN(const ModuleTree modules, ModuleTree::Open(ModulesDirectory(id)));
  return modules.Closure(names);
}

StatusOr<std::string> Library::ReadModule(const std::string& id, const fs::path& relative) const {
  return ReadModuleFile(ModulesDirectory(id) / relative);
}

const std::vector<std::string>& GuestModules() {
  // Up to 5.12, pvpanic is the whole driver. Later it is only the core, with a separate module for each bus.
  static const std::vector<std::string> modules = {"virtio_pci",   "virtio_net",  "pvpanic",
                                                   "pvpanic_mmio", "pvpanic_pci", "i6300esb"};
  return modules;
}

}  // namespace lk::kernels
