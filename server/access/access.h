// SPDX-License-Identifier: Apache-2.0
// Roles, the tokens that carry them, and the record of who changed what.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::access {

// Each may do what those before it may.
enum class Role : uint8_t {
  kNone,      // nothing but health
  kViewer,    // looks at campaigns, runs, kernels and hosts
  kOperator,  // starts and cancels campaigns, brings kernels, drains hosts
  kAdmin      // adds and removes hosts, gives tokens, reads the audit log
};
std::string_view ToString(Role role);
// viewer, operator or admin. Errors: INVALID_ARGUMENT.
StatusOr<Role> ParseRole(std::string_view word);

struct Token {
  std::string id;    // "t" and 8 hexadecimal digits
  std::string name;  // of its holder; one live token has it
  std::string hash;  // HashToken of the secret, which is kept nowhere
  Role role = Role::kNone;
  absl::Time created;
  absl::Time expires;
  absl::Time revoked = absl::InfinitePast();  // never
  std::string created_by;

  bool Live(absl::Time now) const { return revoked == absl::InfinitePast() && now < expires; }
};

// "lk1_" and 256 random bits in hexadecimal.
std::string NewSecret();
// SHA-256 in hexadecimal. A secret of 256 bits needs neither salt nor a slow function.
std::string HashToken(std::string_view secret);
// Letters, digits and ._@-, 1 to 64. Errors: INVALID_ARGUMENT.
Status CheckName(std::string_view name);

// A change, asked for and done or refused.
struct AuditEntry {
  std::string id;  // ascending in time, see NewAuditId
  absl::Time time;
  std::string caller;   // "uid 1000", "token ci (t01234567)", "certificate CN=..."
  std::string method;   // "CampaignService/StartCampaign"
  std::string subject;  // what it was about, as the caller wrote it
  std::string outcome;  // "OK", or the code and the message of what went wrong
};
// 16 hexadecimal digits of the time, 8 of chance.
std::string NewAuditId(absl::Time time);
// The least id of that time.
std::string FirstAuditId(absl::Time time);

// For logs and tables: what is not printable ASCII becomes \xNN, and what is longer than `most` bytes is cut.
std::string Printable(std::string_view text, size_t most = 256);

}  // namespace lk::access
