// SPDX-License-Identifier: Apache-2.0
#include "support/directories.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

namespace lk {
namespace {

std::optional<std::filesystem::path> FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  // The XDG specification requires relative paths to be ignored.
  if (value == nullptr || value[0] != '/') return std::nullopt;
  return value;
}

std::filesystem::path Home() {
  return FromEnvironment("HOME").value_or("/");
}

}  // namespace

std::filesystem::path StateDirectory(uid_t user) {
  if (user == 0) return "/var/lib/lk";
  return FromEnvironment("XDG_STATE_HOME").value_or(Home() / ".local/state") / "lk";
}

std::filesystem::path RuntimeDirectory(uid_t user) {
  if (user == 0) return "/run/lk";
  if (const auto directory = FromEnvironment("XDG_RUNTIME_DIR")) return *directory / "lk";
  const std::filesystem::path logged_in = "/run/user/" + std::to_string(user);
  std::error_code failed;
  if (std::filesystem::is_directory(logged_in, failed)) return logged_in / "lk";
  return FromEnvironment("XDG_CACHE_HOME").value_or(Home() / ".cache") / "lk";
}

}  // namespace lk
