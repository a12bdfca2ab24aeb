// SPDX-License-Identifier: Apache-2.0
#include "server/symbols/symbols.h"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "server/symbols/debug_file.h"
#include "support/mutex.h"
#include "support/unique_fd.h"

namespace lk::symbols {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModuleEndings[] = {".ko", ".ko.debug", ".ko.gz", ".ko.xz", ".ko.zst"};

// Whether a file found in a directory may contain debug information for the kernel or a module.
bool IsCandidate(const fs::path& file) {
  const std::string name = file.filename();
  if (name.starts_with("vmlinux")) {
    const std::string rest = name.substr(sizeof "vmlinux" - 1);
    // The x86 decompressor has its own vmlinux (arch/x86/boot/compressed).
    return (rest.empty() || rest.front() == '-' || rest == ".debug") && file.parent_path().filename() != "compressed";
  }
  return std::any_of(std::begin(kModuleEndings), std::end(kModuleEndings),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

// The module name as printed by the kernel: "virtio_net" for virtio-net.ko.debug; "" for the kernel itself.
std::string ModuleName(const fs::path& file) {
  std::string name = file.filename();
  const size_t end = name.find(".ko");
  if (end == std::string::npos) return "";
  name.resize(end);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

StatusOr<std::vector<fs::path>> Search(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator walk(directory, fs::directory_options::skip_permission_denied, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    std::error_code ignored;
    if (IsCandidate(walk->path()) && !walk->is_symlink(ignored) && walk->is_regular_file(ignored)) {
      found.push_back(walk->path());
    }
  }
  if (error) return absl::NotFoundError(fmt::format("{}: {}", directory.string(), error.message()));
  if (found.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: contains neither vmlinux nor a module (.ko)", directory.string()));
  }
  return found;
}

// Whether the report shows the frame as an instruction pointer. The kernel prints function+offset/size; the
// part before the size is enough to compare.
bool IsExact(const detect::Frame& frame, std::string_view report) {
  const std::string location = fmt::format("{}+{:#x}/", frame.function, frame.offset);
  return report.find("RIP: 0010:" + location) != std::string_view::npos ||
         report.find("pc : " + location) != std::string_view::npos;
}

}  // namespace

class Symbols::Impl {
 public:
  // A file must have debug information; in a directory, only the kernel must.
  Status Add(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return Add(path, true);
    LK_ASSIGN_OR_RETURN(const std::vector<fs::path> found, Search(path));
    for (const fs::path& file : found) LK_RETURN_IF_ERROR(Add(file, ModuleName(file).empty()));
    return absl::OkStatus();
  }

  std::string Locate(const detect::Frame& frame, bool exact) {
    const MutexLock lock(&mutex_);
    const auto files = files_.find(frame.module);
    if (files == files_.end()) return "";
    std::set<std::string> locations;
    for (File& file : files->second) {
      if (const DebugFile* debug = Read(file)) debug->Locate(frame.function, frame.offset, exact, locations);
    }
    // Return no location rather than a wrong one: static functions may share a name, and a directory may contain
    // several builds.
    return locations.size() == 1 ? *locations.begin() : "";
  }

 private:
  struct File {
    fs::path path;
    bool read = false;
    std::unique_ptr<DebugFile> debug = nullptr;  // still null after reading if there is no debug information
  };

  Status Add(const fs::path& path, bool now) {
    File file{path};
    if (now) {
      LK_ASSIGN_OR_RETURN(file.debug, DebugFile::Open(path));
      file.read = true;
      if (source_root_.empty()) source_root_ = file.debug->source_root();
    }
    files_[ModuleName(path)].push_back(std::move(file));
    return absl::OkStatus();
  }

  const DebugFile* Read(File& file) {
    if (!file.read) {
      file.read = true;
      if (auto opened = DebugFile::Open(file.path); opened.ok()) file.debug = *std::move(opened);
    }
    if (file.debug != nullptr && !source_root_.empty()) file.debug->set_source_root(source_root_);
    return file.debug.get();
  }

  Mutex mutex_;
  std::map<std::string, std::vector<File>> files_;  // by module
  std::string source_root_;
};

StatusOr<std::unique_ptr<Symbols>> Symbols::Open(const std::vector<fs::path>& files) {
  auto impl = std::make_unique<Impl>();
  for (const fs::path& file : files) LK_RETURN_IF_ERROR(impl->Add(file));
  return std::unique_ptr<Symbols>(new Symbols(std::move(impl)));
}

Symbols::Symbols(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Symbols::~Symbols() = default;

std::string Symbols::Locate(const detect::Frame& frame, bool exact) const {
  return impl_->Locate(frame, exact);
}

void Symbols::Locate(detect::Finding& finding) const {
  const auto locate = [&](std::vector<detect::Frame>& frames) {
    for (detect::Frame& frame : frames) frame.location = Locate(frame, IsExact(frame, finding.excerpt));
  };
  locate(finding.frames);
  for (detect::CpuStack& other : finding.others) locate(other.frames);
}

bool HasDebugInfo(const fs::path& file) {
  const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const std::unique_ptr<Dwarf, decltype(&dwarf_end)> dwarf(dwarf_begin(fd.get(), DWARF_C_READ), dwarf_end);
  Dwarf_Off next = 0;
  size_t header = 0;
  return dwarf != nullptr && dwarf_nextcu(dwarf.get(), 0, &next, &header, nullptr, nullptr, nullptr) == 0;
}

}  // namespace lk::symbols
