// SPDX-License-Identifier: Apache-2.0
// Webhook signatures. Checking takes the same time whatever is wrong with a signature, even if it is missing (""): all
// secrets are tried, and digests are compared in full.
#pragma once

#include <absl/time/time.h>

#include <string>
#include <string_view>

#include "server/webhooks/secret.h"

namespace lk::webhooks {

// Returns 32 bytes.
std::string HmacSha256(std::string_view key, std::string_view text);
// Returns hexadecimal digits.
std::string Sha256Hex(std::string_view text);

// GitHub, X-Hub-Signature-256: "sha256=" and the body's HMAC in hexadecimal.
// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
bool GitHubSignatureGood(const Secrets& secrets, std::string_view header, std::string_view body);

// GitLab, X-Gitlab-Token: the secret itself. https://docs.gitlab.com/user/project/integrations/webhooks/
bool TokenGood(const Secrets& secrets, std::string_view header);

// Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks, "Signature scheme".
struct StandardHeaders {
  std::string id;         // webhook-id
  std::string timestamp;  // webhook-timestamp: seconds since 1970
  std::string signature;  // webhook-signature: "v1,BASE64", several separated by spaces
};
enum class StandardResult {
  kGood,
  kWrong,  // no signature matches, or the id or the timestamp is malformed
  kStale,  // a signature matches, but the timestamp differs from `now` by more than the tolerance
};
StandardResult CheckStandard(const Secrets& secrets, const StandardHeaders& headers, std::string_view body,
                             absl::Time now, absl::Duration tolerance);
// Returns the headers with a signature for each secret, so that a receiver needs only one of the secrets.
StandardHeaders SignStandard(const Secrets& secrets, std::string id, absl::Time now, std::string_view body);

}  // namespace lk::webhooks
