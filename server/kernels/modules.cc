// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "server/kernels/elf.h"
#include "server/kernels/files.h"
#include "server/kernels/unpacker.h"
#include "support/file.h"

namespace lk::kernels {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kModuleLimit = uint64_t{256} << 20;
// Far more than any guest loads; bounds the recursion over dependencies, which come from an untrusted upload.
constexpr size_t kMaxClosure = 1000;
constexpr std::array<std::string_view, 4> kExtensions = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};

// Splits a list into module names.
std::vector<std::string> Names(std::string_view list, char separator) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t end = std::min(list.find(separator), list.size());
    if (end > 0) names.push_back(ModuleName(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

}  // namespace

StatusOr<Modinfo> ParseModinfo(std::string_view elf) {
  const auto section = ElfSection(elf, ".modinfo");
  if (!section) return absl::InvalidArgumentError("not a kernel module (a 64-bit ELF file with .modinfo)");
  constexpr std::string_view kDepends = "depends=", kSoftdep = "softdep=pre:", kVermagic = "vermagic=";
  Modinfo info;
  for (std::string_view rest = *section; !rest.empty();) {
    const std::string_view entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    if (entry.starts_with(kDepends)) info.depends = Names(entry.substr(kDepends.size()), ',');
    if (entry.starts_with(kVermagic)) info.release = FirstWord(entry.substr(kVermagic.size()));
    if (entry.starts_with(kSoftdep)) {
      info.wants = Names(entry.substr(kSoftdep.size(), entry.find("post:") - kSoftdep.size()), ' ');
    }
  }
  return info;
}

std::string ModuleName(const fs::path& file) {
  std::string name = file.filename();
  name.resize(std::min(name.find(".ko"), name.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool IsModule(const fs::path& file) {
  const std::string name = file.filename();
  return std::any_of(kExtensions.begin(), kExtensions.end(), [&](std::string_view e) { return name.ends_with(e); });
}

StatusOr<std::string> ReadModuleFile(const fs::path& file) {
  LK_ASSIGN_OR_RETURN(std::string bytes, ReadFile(file));
  if (file.extension() == ".ko") return bytes;
  return Decompress(bytes, kModuleLimit);
}

StatusOr<ModuleTree> ModuleTree::Open(const fs::path& directory) {
  ModuleTree tree;
  tree.directory_ = directory;
  std::error_code error;
  fs::recursive_directory_iterator walk(directory, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    if (!walk->is_regular_file() || walk->is_symlink() || !IsModule(walk->path())) continue;
    const fs::path relative = walk->path().lexically_relative(directory);
    // If two modules have the same name, the one in updates/ takes precedence (depmod.d(5)), otherwise the first by
    // path.
    const auto rank = [](const fs::path& p) { return std::pair(*p.begin() != "updates", p); };
    const auto [it, added] = tree.files_.try_emplace(ModuleName(relative), relative);
    if (!added && rank(relative) < rank(it->second)) it->second = relative;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return absl::InternalError(fmt::format("{}: {}", directory.string(), error.message()));
  }
  if (const auto list = ReadFile(directory / "modules.builtin"); list.ok()) {
    std::istringstream lines(*list);
    for (std::string line; std::getline(lines, line);) tree.built_in_.insert(ModuleName(line));
  }
  return tree;
}

StatusOr<Modinfo> ModuleTree::InfoOf(const fs::path& relative) const {
  const auto named = [&](const Status& status) {
    return Status(status.code(), fmt::format("module {}: {}", relative.string(), std::string(status.message())));
  };
  const auto elf = ReadModuleFile(directory_ / relative);
  if (!elf.ok()) return named(elf.status());
  auto info = ParseModinfo(*elf);
  if (!info.ok()) return named(info.status());
  return info;
}

StatusOr<std::string> ModuleTree::Release() const {
  if (empty()) return std::string();
  LK_ASSIGN_OR_RETURN(const Modinfo info, InfoOf(files_.begin()->second));
  return info.release;
}

Status ModuleTree::Visit(const std::string& name, std::set<std::string>& seen, std::vector<fs::path>& order) const {
  const auto file = files_.find(name);
  if (file == files_.end() || !seen.insert(name).second) return absl::OkStatus();
  if (seen.size() > kMaxClosure) return absl::FailedPreconditionError("too many modules for the guest");
  LK_ASSIGN_OR_RETURN(const Modinfo info, InfoOf(file->second));
  for (const std::string& wanted : info.wants) LK_RETURN_IF_ERROR(Visit(wanted, seen, order));
  for (const std::string& needed : info.depends) {
    if (!files_.contains(needed) && !IsBuiltIn(needed)) {
      return absl::FailedPreconditionError(fmt::format("module {} requires {}, which is missing", name, needed));
    }
    LK_RETURN_IF_ERROR(Visit(needed, seen, order));
  }
  order.push_back(file->second);
  return absl::OkStatus();
}

StatusOr<std::vector<fs::path>> ModuleTree::Closure(const std::vector<std::string>& names) const {
  std::set<std::string> seen;
  std::vector<fs::path> order;
  for (const std::string& name : names) LK_RETURN_IF_ERROR(Visit(ModuleName(name), seen, order));
  return order;
}

}  // namespace lk::kernels
