// SPDX-License-Identifier: Apache-2.0
// Reads a module directory as kmod does, but without using the files that depmod generates.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::kernels {

// Properties of a module from its .modinfo section (NUL-terminated "key=value" strings: include/linux/module.h).
struct Modinfo {
  std::vector<std::string> depends;  // modules that must be loaded before it
  std::vector<std::string> wants;    // modules to load before it if present (softdep pre)
  std::string release;               // first word of vermagic
};
// Error: INVALID_ARGUMENT (not a 64-bit little-endian ELF file, or no .modinfo section).
StatusOr<Modinfo> ParseModinfo(std::string_view elf);

// The name of a module as the kernel shows it, with '_' instead of '-'.
std::string ModuleName(const std::filesystem::path& file);
// Whether a file is named <name>.ko, with or without .gz, .xz or .zst.
bool IsModule(const std::filesystem::path& file);
StatusOr<std::string> ReadModuleFile(const std::filesystem::path& file);

class ModuleTree {
 public:
  // `directory` has the layout of /lib/modules/<release>. If it does not exist, the tree is empty.
  static StatusOr<ModuleTree> Open(const std::filesystem::path& directory);

  // The files of these modules and all their dependencies, in load order, relative to the directory. Built-in
  // modules, and modules in `names` that are absent, are left out. Error: FAILED_PRECONDITION (a dependency is neither
  // present nor built in; too many modules).
  StatusOr<std::vector<std::filesystem::path>> Closure(const std::vector<std::string>& names) const;

  bool empty() const { return files_.empty(); }
  bool IsBuiltIn(const std::string& name) const { return built_in_.contains(name); }
  // The release that the modules were built for; empty if there are no modules.
  StatusOr<std::string> Release() const;

 private:
  StatusOr<Modinfo> InfoOf(const std::filesystem::path& relative) const;
  Status Visit(const std::string& name, std::set<std::string>& seen, std::vector<std::filesystem::path>& order) const;

  std::filesystem::path directory_;
  std::map<std::string, std::filesystem::path> files_;  // by name
  std::set<std::string> built_in_;
};

}  // namespace lk::kernels
