// SPDX-License-Identifier: Apache-2.0
// Stores tokens and the audit log in SQL. Throws SOCI's exceptions.
#pragma once

#include <soci/soci.h>

#include <string>
#include <vector>

#include "server/access/access.h"
#include "support/status.h"

namespace lk::store {

// See Store.
Status AddToken(soci::session& sql, const access::Token& token);
std::vector<access::Token> ListTokens(soci::session& sql);
StatusOr<access::Token> FindToken(soci::session& sql, const std::string& hash);
StatusOr<access::Token> RevokeToken(soci::session& sql, const std::string& name, absl::Time now);

void AddAudit(soci::session& sql, const access::AuditEntry& entry);
std::vector<access::AuditEntry> ListAudit(soci::session& sql, const std::string& before, int limit);
void TrimAudit(soci::session& sql, absl::Time before);

}  // namespace lk::store
