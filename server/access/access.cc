// SPDX-License-Identifier: Apache-2.0
#include "server/access/access.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "support/random.h"

namespace lk::access {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"none", "viewer", "operator", "admin"};
constexpr size_t kSecretBytes = 32;
constexpr size_t kMaxName = 64;

}  // namespace

std::string_view ToString(Role role) {
  return kRoles[static_cast<size_t>(role)];
}

StatusOr<Role> ParseRole(std::string_view word) {
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    if (word == ToString(role)) return role;
  }
  return absl::InvalidArgumentError(
      fmt::format("unknown role \"{}\" (expected viewer, operator or admin)", Printable(word)));
}

std::string NewSecret() {
  return "lk1_" + RandomHex(kSecretBytes);
}

std::string HashToken(std::string_view secret) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Status CheckName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._@-").find(c) != std::string_view::npos;
  };
  if (!name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, allowed)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("invalid token name \"{}\" (expected 1 to {} letters, digits and ._@-)", Printable(name), kMaxName));
}

std::string NewAuditId(absl::Time time) {
  return FirstAuditId(time) + RandomHex(4);
}

std::string FirstAuditId(absl::Time time) {
  return fmt::format("{:016x}", std::max<int64_t>(absl::ToUnixMicros(time), 0));
}

std::string Printable(std::string_view text, size_t most) {
  std::string printable;
  for (const char c : text.substr(0, most)) {
    if (c >= ' ' && c <= '~') {
      printable += c;
    } else {
      fmt::format_to(std::back_inserter(printable), "\\x{:02x}", static_cast<uint8_t>(c));
    }
  }
  return text.size() > most ? printable + "..." : printable;
}

}  // namespace lk::access
