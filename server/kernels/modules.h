// SPDX-License-Identifier: Apache-2.0
// A folder of modules, as kmod sees it, without depmod having been there.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::kernels {

// What a module says of itself in its .modinfo section ("key=value", each ended by NUL: include/linux/module.h).
struct Modinfo {
  std::vector<std::string> depends;  // modules that it cannot be loaded without
  std::vector<std::string> wants;    // modules that come before it if they are there (softdep pre)
  std::string release;               // first word of vermagic
};
// Error: INVALID_ARGUMENT (not a 64-bit little-endian ELF file, or without .modinfo).
StatusOr<Modinfo> ParseModinfo(std::string_view elf);

// '-' and '_' are the same in a module's name; the kernel shows '_'.
std::string ModuleName(const std::filesystem::path& file);
// <name>.ko, plain or .gz, .xz, .zst.
bool IsModule(const std::filesystem::path& file);
StatusOr<std::string> ReadModuleFile(const std::filesystem::path& file);

class ModuleTree {
 public:
  // Of `directory`, which is like /lib/modules/<release>; one that does not exist has no modules.
  static StatusOr<ModuleTree> Open(const std::filesystem::path& directory);

  // These modules and all they depend on, in load order, relative to the directory. What is built in or absent is
  // left out. Error: FAILED_PRECONDITION (a module needs one that is neither there nor built in).
  StatusOr<std::vector<std::filesystem::path>> Closure(const std::vector<std::string>& names) const;

  bool empty() const { return files_.empty(); }
  bool IsBuiltIn(const std::string& name) const { return built_in_.contains(name); }
  // The release that the modules were built for; empty when there are none.
  StatusOr<std::string> Release() const;

 private:
  StatusOr<Modinfo> InfoOf(const std::filesystem::path& relative) const;
  Status Visit(const std::string& name, std::set<std::string>& seen, std::vector<std::filesystem::path>& order) const;

  std::filesystem::path directory_;
  std::map<std::string, std::filesystem::path> files_;  // by name
  std::set<std::string> built_in_;
};

}  // namespace lk::kernels
