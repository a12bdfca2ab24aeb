// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/secret.h"

#include <absl/strings/escaping.h>
#include <absl/strings/strip.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "support/unique_fd.h"

namespace lk::webhooks {
namespace {

constexpr size_t kMaxBytes = 4096;
// "at least 24 bytes (192 bits), 512 bits maximum": spec/standard-webhooks.md, "Signature scheme".
constexpr size_t kMinKeyBytes = 24;
constexpr size_t kMaxKeyBytes = 64;

Status Refused(const std::filesystem::path& path, std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("secret file {}: {}", path.string(), why));
}

}  // namespace

StatusOr<Secret> ReadSecret(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || fstat(fd.get(), &info) != 0) return Refused(path, std::strerror(errno));
  if ((info.st_mode & S_IRWXO) != 0) return Refused(path, "readable by everybody; run chmod 600");
  std::string text(kMaxBytes + 1, '\0');
  const ssize_t size = read(fd.get(), text.data(), text.size());
  if (size < 0) return Refused(path, std::strerror(errno));
  if (static_cast<size_t>(size) > kMaxBytes) return Refused(path, "larger than 4 KiB");
  text.resize(static_cast<size_t>(size));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) return Refused(path, "the file is empty");
  return Secret(std::move(text));
}

StatusOr<Secret> ParseSigningSecret(std::string_view given) {
  absl::string_view text(given.data(), given.size());
  std::string key;
  if (!absl::ConsumePrefix(&text, "whsec_") || !absl::Base64Unescape(text, &key) || key.size() < kMinKeyBytes ||
      key.size() > kMaxKeyBytes) {
    return absl::FailedPreconditionError(
        fmt::format("invalid signing secret (expected \"whsec_\" and base64 of {} to {} random bytes)", kMinKeyBytes,
                    kMaxKeyBytes));
  }
  return Secret(std::move(key));
}

StatusOr<Secret> ReadSigningSecret(const std::filesystem::path& path) {
  LK_ASSIGN_OR_RETURN(const Secret text, ReadSecret(path));
  StatusOr<Secret> key = ParseSigningSecret(text.Reveal());
  if (!key.ok()) return Refused(path, std::string(key.status().message()));
  return key;
}

}  // namespace lk::webhooks
