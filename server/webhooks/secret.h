// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/status.h"

namespace lk::webhooks {

// Secret bytes, which cannot be printed by accident.
class Secret {
 public:
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view Reveal() const { return bytes_; }

 private:
  std::string bytes_;
};
using Secrets = std::vector<Secret>;

// Returns the contents of the file without trailing newlines. Error: FAILED_PRECONDITION (unreadable, empty, larger
// than 4 KiB, or readable by everybody); the message names the file but never quotes its contents.
StatusOr<Secret> ReadSecret(const std::filesystem::path& path);

// A signing secret in the form of the Standard Webhooks specification: "whsec_" and base64 of 24 to 64 bytes.
// Errors: those above; FAILED_PRECONDITION (not in that form).
StatusOr<Secret> ReadSigningSecret(const std::filesystem::path& path);
StatusOr<Secret> ParseSigningSecret(std::string_view text);

}  // namespace lk::webhooks
