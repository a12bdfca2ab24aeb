// SPDX-License-Identifier: Apache-2.0
// Roles, the tokens that grant them, and audit entries.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::access {

// Each role includes the permissions of the previous ones.
enum class Role : uint8_t {
  kNone,      // health checks only
  kViewer,    // views campaigns, runs, kernels and hosts
  kOperator,  // starts and cancels campaigns, adds kernels, drains hosts
  kAdmin      // adds and removes hosts, creates tokens, reads the audit log
};
std::string_view ToString(Role role);
// viewer, operator or admin. Errors: INVALID_ARGUMENT.
StatusOr<Role> ParseRole(std::string_view word);

struct Token {
  std::string id;    // "t" and 8 hexadecimal digits
  std::string name;  // the holder's name; unique among live tokens
  std::string hash;  // HashToken of the secret, which is not stored
  Role role = Role::kNone;
  absl::Time created;
  absl::Time expires;
  absl::Time revoked = absl::InfinitePast();  // InfinitePast if never
  std::string created_by;

  bool Live(absl::Time now) const { return revoked == absl::InfinitePast() && now < expires; }
};

// "lk1_" followed by 256 random bits in hexadecimal.
std::string NewSecret();
// SHA-256 in hexadecimal. A secret of 256 bits needs neither a salt nor a slow hash function.
std::string HashToken(std::string_view secret);
// A valid name has 1 to 64 letters, digits and ._@-. Errors: INVALID_ARGUMENT.
Status CheckName(std::string_view name);

// A requested change, whether it was made or refused.
struct AuditEntry {
  std::string id;  // sorts by time; see NewAuditId
  absl::Time time;
  std::string caller;   // "uid 1000", "token ci (t01234567)", "certificate CN=..."
  std::string method;   // "CampaignService/StartCampaign"
  std::string subject;  // IDs and names involved, as given by the caller and as returned by lkd
  std::string outcome;  // "OK", or the code and message of the error
};
// 16 hexadecimal digits for the time, followed by 8 random ones.
std::string NewAuditId(absl::Time time);
// Sorts before all ids created at this time or later.
std::string FirstAuditId(absl::Time time);

// For logs and tables: replaces bytes other than printable ASCII with \xNN, and truncates to `most` bytes.
std::string Printable(std::string_view text, size_t most = 256);

}  // namespace lk::access
