// SPDX-License-Identifier: Apache-2.0
#include "server/vm/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "server/kernels/files.h"
#include "server/kernels/modules.h"
#include "support/archive_error.h"
#include "support/file.h"
#include "support/random.h"

namespace lk::vm {
namespace {

namespace fs = std::filesystem;
using kernels::Errno;

// Incremented when the contents of a base change for the same kernel, agent and modules.
constexpr int kBaseFormat = 2;
constexpr size_t kMaxBases = 20;
constexpr size_t kMaxHashes = 1000;
constexpr std::string_view kUnfinished = ".tmp-";
#if defined(__aarch64__)
constexpr campaign::Arch kOwnArch = campaign::Arch::kAarch64;
#else
constexpr campaign::Arch kOwnArch = campaign::Arch::kX86_64;
#endif

// Writes a "newc" cpio archive (Documentation/driver-api/early-userspace/buffer-format.rst). Times and inode numbers
// are left out, so that the same contents always give the same bytes. Finish returns the first error.
class CpioWriter {
 public:
  CpioWriter() : archive_(archive_write_new()) {
    archive_write_set_format_cpio_newc(archive_.get());
    // The kernel expects each archive to begin at a multiple of four bytes; archives are padded to 512.
    archive_write_set_bytes_per_block(archive_.get(), 512);
    archive_write_set_bytes_in_last_block(archive_.get(), 512);
  }
  void OpenFile(int fd) { Check(archive_write_open_fd(archive_.get(), fd)); }
  void OpenString(std::string* out) {
    const auto append = [](archive*, void* to, const void* data, size_t size) -> la_ssize_t {
      static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
      return static_cast<la_ssize_t>(size);
    };
    Check(archive_write_open(archive_.get(), out, nullptr, append, nullptr));
  }

  void Directory(const std::string& path, mode_t mode = 0755) { Add(path, S_IFDIR | mode, {}); }
  void File(const std::string& path, mode_t mode, std::string_view content) { Add(path, S_IFREG | mode, content); }
  void CharacterDevice(const std::string& path, mode_t mode, dev_t device) { Add(path, S_IFCHR | mode, {}, device); }
  // Adds the directories above a path, each of them once, because the kernel does not create them on its own.
  void DirectoriesAbove(const fs::path& path) {
    const fs::path parent = path.parent_path();
    if (parent.empty() || !directories_.insert(parent).second) return;
    DirectoriesAbove(parent);
    Directory(parent);
  }
  Status Finish() {
    Check(archive_write_close(archive_.get()));
    return status_;
  }

 private:
  void Add(const std::string& path, mode_t mode, std::string_view content, dev_t device = 0) {
    archive_entry_clear(entry_.get());
    archive_entry_set_pathname(entry_.get(), path.c_str());
    archive_entry_set_mode(entry_.get(), mode);
    archive_entry_set_nlink(entry_.get(), S_ISDIR(mode) ? 2 : 1);
    archive_entry_set_size(entry_.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_rdev(entry_.get(), device);
    Check(archive_write_header(archive_.get(), entry_.get()));
    if (content.empty() || !status_.ok()) return;
    const la_ssize_t written = archive_write_data(archive_.get(), content.data(), content.size());
    if (written != static_cast<la_ssize_t>(content.size())) Check(ARCHIVE_FATAL);
  }
  void Check(int result) {
    if (result >= ARCHIVE_WARN || !status_.ok()) return;
    status_ = absl::InternalError(fmt::format("initramfs: {}", ArchiveError(archive_.get())));
  }

  struct Free {
    void operator()(archive* a) const { archive_write_free(a); }
    void operator()(archive_entry* e) const { archive_entry_free(e); }
  };
  std::unique_ptr<archive, Free> archive_;
  std::unique_ptr<archive_entry, Free> entry_{archive_entry_new()};
  std::set<fs::path> directories_;
  Status status_;
};

// Appends a whole file. Shares its blocks if the file system supports that (copy_file_range(2)), otherwise copies them
// in the kernel (sendfile(2)).
Status AppendFile(int from, int to) {
  struct stat info;
  if (fstat(from, &info) != 0) return Errno("fstat");
  off_t offset = 0;
  bool share = true;
  while (offset < info.st_size) {
    const auto rest = static_cast<size_t>(info.st_size - offset);
    const ssize_t copied =
        share ? copy_file_range(from, &offset, to, nullptr, rest, 0) : sendfile(to, from, &offset, rest);
    if (copied > 0 || (copied < 0 && errno == EINTR)) continue;
    if (!share)
      return copied == 0 ? absl::InternalError("the base initramfs shrank while it was being copied")
                         : Errno("sendfile");
    share = false;
  }
  return absl::OkStatus();
}

// Whether the kernel has virtio networking. True if that is unknown, as for a bare image without a configuration.
bool MayHaveVirtioNetwork(const kernels::Library& library, const std::string& id, const kernels::ModuleTree& modules,
                          const std::vector<fs::path>& closure) {
  const auto is_driver = [](const fs::path& module) { return kernels::ModuleName(module) == "virtio_net"; };
  if (modules.IsBuiltIn("virtio_net") || std::any_of(closure.begin(), closure.end(), is_driver)) return true;
  const auto config = ReadFile(library.Image(id).parent_path() / "config");
  if (!config.ok()) return modules.empty();
  const auto symbols = kernels::ParseConfig(*config);
  const auto it = symbols.find("VIRTIO_NET");
  return it != symbols.end() && it->second == "y";
}

std::vector<std::string> ModulesOf(const ImageBuilder::Request& request) {
  std::vector<std::string> names = kernels::GuestModules();
  names.insert(names.end(), request.extra_modules.begin(), request.extra_modules.end());
  return names;
}

}  // namespace

StatusOr<std::string> RunArchive(const RunFiles& files) {
  std::string config;
  for (const auto& [key, value] : files.config) {
    if (key.find_first_of("=\n") != std::string::npos || value.find('\n') != std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("run configuration: invalid character in key \"{}\" or its value", key));
    }
    config += fmt::format("{}={}\n", key, value);
  }
  std::string bytes;
  CpioWriter cpio;
  cpio.OpenString(&bytes);
  cpio.DirectoriesAbove("lk/run/config");
  cpio.File("lk/run/config", 0600, config);
  cpio.File("lk/run/ca.pem", 0600, files.ca_pem);
  LK_RETURN_IF_ERROR(cpio.Finish());
  return bytes;
}

ImageBuilder::ImageBuilder(const kernels::Library& library, fs::path agents, fs::path cache)
    : library_(library), agents_(std::move(agents)), cache_(std::move(cache)) {
  std::error_code ignored;
  fs::create_directories(cache_, ignored);
  for (fs::directory_iterator it(cache_, ignored), end; it != end; it.increment(ignored)) {
    if (it->path().filename().string().starts_with(kUnfinished)) fs::remove(it->path(), ignored);
  }
}

StatusOr<kernels::ImageInfo> ImageBuilder::KernelInfo(const std::string& id) {
  const fs::path image = library_.Image(id);
  std::error_code error;
  if (!fs::exists(image, error)) return absl::NotFoundError(fmt::format("there is no kernel {}", id));
  {
    const std::lock_guard lock(known_);
    if (const auto it = kernels_.find(id); it != kernels_.end()) return it->second;
  }
  LK_ASSIGN_OR_RETURN(kernels::ImageInfo info, kernels::InspectImage(image));
  const std::lock_guard lock(known_);
  return kernels_.try_emplace(id, std::move(info)).first->second;
}

fs::path ImageBuilder::AgentPath(campaign::Arch arch) const {
  return agents_ / (arch == kOwnArch ? "lk-agent" : fmt::format("lk-agent-{}", ToString(arch)));
}

Status ImageBuilder::HasAgent(campaign::Arch arch) const {
  const fs::path path = AgentPath(arch);
  std::error_code error;
  if (fs::exists(path, error)) return absl::OkStatus();
  std::string archs(ToString(kOwnArch));
  if (arch != kOwnArch) archs = fmt::format("{},{}", archs, ToString(arch));
  return absl::NotFoundError(fmt::format(
      "lkd has no lk-agent for {} guests: {} does not exist; build it with LK_AGENT_ARCHS={} ./deploy/build in "
      "lk's source tree",
      ToString(arch), path.string(), archs));
}

StatusOr<ImageBuilder::AgentFile> ImageBuilder::Agent(campaign::Arch arch) {
  LK_RETURN_IF_ERROR(HasAgent(arch));
  const fs::path path = AgentPath(arch);
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path.string());
  const std::string identity =
      fmt::format("{} {} {}.{}", info.st_ino, info.st_size, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
  const std::lock_guard lock(known_);
  AgentFile& agent = agent_files_[path];
  if (agent.identity != identity) {
    kernels::Sha256 hash;
    LK_RETURN_IF_ERROR(hash.UpdateFile(path));
    agent = {path, identity, hash.Hex()};
  }
  return agent;
}

Status ImageBuilder::WriteBase(const Request& request, const std::string& release, const fs::path& agent, int fd) {
  LK_ASSIGN_OR_RETURN(const auto modules, kernels::ModuleTree::Open(library_.ModulesDirectory(request.kernel_id)));
  LK_ASSIGN_OR_RETURN(const std::vector<fs::path> closure, modules.Closure(ModulesOf(request)));
  if (!MayHaveVirtioNetwork(library_, request.kernel_id, modules, closure)) {
    return absl::FailedPreconditionError(
        fmt::format("kernel {} ({}) has no virtio network driver, neither built in nor as a module; the guest could "
                    "not reach the controller",
                    request.kernel_id, release));
  }
  LK_ASSIGN_OR_RETURN(const std::string init, ReadFile(agent));

  CpioWriter cpio;
  cpio.OpenFile(fd);
  for (const char* directory : {"dev", "proc", "sys", "run", "etc", "lk"}) cpio.Directory(directory);
  cpio.Directory("tmp", 01777);
  // The kernel opens /dev/console for init's standard streams, before init can mount devtmpfs (init/main.c:
  // console_on_rootfs).
  cpio.CharacterDevice("dev/console", 0600, makedev(5, 1));
  cpio.File("init", 0755, init);
  std::string listing;
  for (const fs::path& module : closure) {
    // The module is stored decompressed, so its name ends in .ko.
    std::string path = fs::path("lib/modules") / release / module;
    path.resize(path.rfind(".ko") + 3);
    LK_ASSIGN_OR_RETURN(const std::string content, library_.ReadModule(request.kernel_id, module));
    cpio.DirectoriesAbove(path);
    cpio.File(path, 0644, content);
    listing += path + "\n";
  }
  cpio.File("lk/modules", 0644, listing);
  if (request.kernel_image) {
    LK_ASSIGN_OR_RETURN(const std::string image, kernels::KexecImage(library_.Image(request.kernel_id)));
    cpio.File("lk/kernel", 0644, image);
  }
  return cpio.Finish();
}

StatusOr<ImageBuilder::BaseFile> ImageBuilder::Base(const Request& request) {
  LK_ASSIGN_OR_RETURN(const kernels::ImageInfo kernel, KernelInfo(request.kernel_id));
  LK_ASSIGN_OR_RETURN(const AgentFile agent, Agent(kernel.arch));
  kernels::Sha256 key;
  key.Update(fmt::format("{}\n{}\n{}\n{}\n", kBaseFormat, request.kernel_id, agent.sha256, request.kernel_image));
  for (const std::string& module : ModulesOf(request)) key.Update(module + "\n");
  const fs::path path = cache_ / (key.Hex() + ".cpio");

  // An open file stays readable even if another thread removes it from the cache.
  const auto open_base = [&] { return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)); };
  UniqueFd fd = open_base();
  if (!fd) {
    const std::lock_guard lock(building_);
    fd = open_base();
    if (!fd) {
      const fs::path unfinished = cache_ / fmt::format("{}{}", kUnfinished, RandomHex(8));
      LK_ASSIGN_OR_RETURN(const UniqueFd out, kernels::CreateFile(unfinished));
      Status status = WriteBase(request, kernel.release, agent.path, out.get());
      if (status.ok() && (fdatasync(out.get()) != 0 || rename(unfinished.c_str(), path.c_str()) != 0)) {
        status = Errno(path.string());
      }
      if (!status.ok()) {
        unlink(unfinished.c_str());
        return status;
      }
      ForgetOldBases();
      fd = open_base();
      if (!fd) return Errno(path.string());
    }
  }
  futimens(fd.get(), nullptr);  // marks the base as recently used (see ForgetOldBases)
  return BaseFile{std::move(fd), path};
}

StatusOr<std::string> ImageBuilder::ImageHash(const std::string& kernel_id, const BaseFile& base) {
  {
    const std::lock_guard lock(known_);
    if (const auto it = hashes_.find(base.path); it != hashes_.end()) return it->second;
  }
  kernels::Sha256 hash;
  LK_RETURN_IF_ERROR(hash.UpdateFile(library_.Image(kernel_id)));
  // Through its descriptor, because the file may already have been removed from the cache.
  LK_RETURN_IF_ERROR(hash.UpdateFile(fmt::format("/proc/self/fd/{}", base.fd.get())));
  std::string hex = hash.Hex();
  const std::lock_guard lock(known_);
  if (hashes_.size() >= kMaxHashes) hashes_.clear();
  return hashes_[base.path] = std::move(hex);
}

void ImageBuilder::ForgetOldBases() {
  std::vector<std::pair<fs::file_time_type, fs::path>> bases;
  std::error_code ignored;
  for (fs::directory_iterator it(cache_, ignored), end; it != end; it.increment(ignored)) {
    if (it->path().extension() == ".cpio") bases.emplace_back(it->last_write_time(ignored), it->path());
  }
  std::sort(bases.rbegin(), bases.rend());
  for (size_t i = kMaxBases; i < bases.size(); ++i) fs::remove(bases[i].second, ignored);
}

StatusOr<ImageBuilder::Image> ImageBuilder::Build(const Request& request) {
  LK_ASSIGN_OR_RETURN(const BaseFile base, Base(request));
  LK_ASSIGN_OR_RETURN(std::string sha256, ImageHash(request.kernel_id, base));
  LK_ASSIGN_OR_RETURN(const std::string run, RunArchive(request.run));
  std::error_code ignored;
  fs::create_directories(request.directory, ignored);
  const fs::path initrd = request.directory / "initrd.img";
  // Mode 0600, because it contains the run's token. Replaces the file of an earlier attempt at this run.
  fs::remove(initrd, ignored);
  LK_ASSIGN_OR_RETURN(const UniqueFd fd, kernels::CreateFile(initrd, 0600));
  LK_RETURN_IF_ERROR(AppendFile(base.fd.get(), fd.get()));
  if (const std::error_code error = WriteAll(fd.get(), run)) return absl::ErrnoToStatus(error.value(), "write");
  return Image{library_.Image(request.kernel_id), initrd, std::move(sha256)};
}

}  // namespace lk::vm
