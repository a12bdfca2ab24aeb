// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/status.h"

namespace lk::webhooks {

// Bytes that must not be told. There is no way to print one.
class Secret {
 public:
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view Reveal() const { return bytes_; }

 private:
  std::string bytes_;
};
using Secrets = std::vector<Secret>;

// What the file holds, without the line break at its end. Errors, which name the file and never its content:
// FAILED_PRECONDITION (cannot be read, is empty, larger than 4 KiB, or readable by everybody).
StatusOr<Secret> ReadSecret(const std::filesystem::path& path);

// A signing secret as the Standard Webhooks specification writes it: "whsec_" and base64 of 24 to 64 bytes.
// Errors: those above; FAILED_PRECONDITION (another form).
StatusOr<Secret> ReadSigningSecret(const std::filesystem::path& path);
StatusOr<Secret> ParseSigningSecret(std::string_view text);

}  // namespace lk::webhooks
