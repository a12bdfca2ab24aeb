// SPDX-License-Identifier: Apache-2.0
#include "agent/init/modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/init/log.h"
#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::agent {
namespace {

constexpr char kModuleList[] = "/lk/modules";

// Module names may be written with dashes or underscores; the kernel uses underscores.
std::string WithUnderscores(std::string_view text) {
  std::string name(text);
  std::ranges::replace(name, '-', '_');
  return name;
}

// "/lib/modules/6.12.95/kernel/lib/test-lockup.ko" -> "test_lockup".
std::string NameOf(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  return WithUnderscores(file.substr(0, file.find('.')));
}

Status Load(const std::string& path, const std::string& parameters) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || syscall(SYS_finit_module, fd.get(), parameters.c_str(), 0) != 0) return absl::ErrnoToStatus(errno, path);
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> ParseModuleList(std::string_view text) {
  std::vector<std::string> paths;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.starts_with('/')) line.remove_prefix(1);
    if (!line.empty()) paths.push_back("/" + std::string(line));
  }
  return paths;
}

std::set<std::string> BlacklistedModules(std::string_view cmdline) {
  constexpr std::string_view kKey = "modprobe.blacklist=";
  std::set<std::string> names;
  for (size_t at = cmdline.find(kKey); at != cmdline.npos; at = cmdline.find(kKey, at)) {
    const bool word = at == 0 || cmdline[at - 1] == ' ';
    at += kKey.size();
    if (!word) continue;
    std::string_view list = cmdline.substr(at, cmdline.find_first_of(" \n", at) - at);
    while (!list.empty()) {
      const std::string_view name = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), name.size() + 1));
      names.insert(WithUnderscores(name));
    }
  }
  return names;
}

void LoadModules() {
  const auto list = ReadFile(kModuleList);
  if (!list.ok()) return;  // without a list, all drivers are built in
  const std::set<std::string> blacklisted = BlacklistedModules(ReadFile("/proc/cmdline").value_or(""));
  for (const std::string& path : ParseModuleList(*list)) {
    if (blacklisted.contains(NameOf(path)) || access(path.c_str(), F_OK) != 0) continue;
    const Status status = Load(path, "");
    if (!status.ok() && !absl::IsAlreadyExists(status)) LogError("cannot load {}", std::string(status.message()));
  }
}

Status LoadModule(const std::string& name, const std::string& parameters) {
  for (const std::string& path : ParseModuleList(ReadFile(kModuleList).value_or(""))) {
    if (NameOf(path) == name) return Load(path, parameters);
  }
  return absl::NotFoundError("this guest has no module " + name);
}

}  // namespace lk::agent
