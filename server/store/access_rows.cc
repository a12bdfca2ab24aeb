// SPDX-License-Identifier: Apache-2.0
#include "server/store/access_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/store/codec.h"

namespace soci {

template <>
struct type_conversion<lk::access::Token> {
  using base_type = values;
  static void from_base(const values& row, indicator, lk::access::Token& token) {
    token.id = row.get<std::string>("id");
    token.name = row.get<std::string>("name");
    token.hash = row.get<std::string>("hash");
    token.role = lk::store::Sound(lk::access::ParseRole(row.get<std::string>("role")));
    token.created = row.get<absl::Time>("created");
    token.expires = row.get<absl::Time>("expires");
    token.revoked = row.get<absl::Time>("revoked");
    token.created_by = row.get<std::string>("created_by");
  }
};

template <>
struct type_conversion<lk::access::AuditEntry> {
  using base_type = values;
  static void from_base(const values& row, indicator, lk::access::AuditEntry& entry) {
    entry.id = row.get<std::string>("id");
    entry.time = row.get<absl::Time>("time");
    entry.caller = row.get<std::string>("caller");
    entry.method = row.get<std::string>("method");
    entry.subject = row.get<std::string>("subject");
    entry.outcome = row.get<std::string>("outcome");
  }
};

}  // namespace soci

namespace lk::store {

using access::AuditEntry;
using access::Token;

Status AddToken(soci::session& sql, const Token& token) {
  for (const Token& other : ListTokens(sql)) {
    if (other.name == token.name && other.Live(token.created)) {
      return absl::AlreadyExistsError(
          fmt::format("duplicate token name \"{}\": it belongs to token {}; revoke that token, or choose another name",
                      other.name, other.id));
    }
  }
  const std::string role(ToString(token.role));
  sql << "INSERT INTO tokens (id, name, hash, role, created, expires, revoked, created_by) VALUES "
         "(:id, :name, :hash, :role, :created, :expires, :revoked, :created_by)",
      soci::use(token.id), soci::use(token.name), soci::use(token.hash), soci::use(role), soci::use(token.created),
      soci::use(token.expires), soci::use(token.revoked), soci::use(token.created_by);
  return absl::OkStatus();
}

std::vector<Token> ListTokens(soci::session& sql) {
  const soci::rowset<Token> rows = (sql.prepare << "SELECT * FROM tokens ORDER BY created DESC, id");
  return {rows.begin(), rows.end()};
}

StatusOr<Token> FindToken(soci::session& sql, const std::string& hash) {
  Token token;
  sql << "SELECT * FROM tokens WHERE hash = :hash", soci::into(token), soci::use(hash);
  if (!sql.got_data()) return absl::NotFoundError("no such token");
  return token;
}

StatusOr<Token> RevokeToken(soci::session& sql, const std::string& name, absl::Time now) {
  std::vector<Token> tokens = ListTokens(sql);
  // An id always identifies the same token; a name identifies the live token that has it.
  auto found = std::ranges::find(tokens, name, &Token::id);
  if (found == tokens.end()) {
    found = std::ranges::find_if(tokens, [&](const Token& t) { return t.name == name && t.Live(now); });
  }
  if (found == tokens.end()) return absl::NotFoundError(fmt::format("no token \"{}\"", access::Printable(name)));
  if (found->revoked != absl::InfinitePast()) return *found;
  found->revoked = now;
  sql << "UPDATE tokens SET revoked = :revoked WHERE id = :id", soci::use(found->revoked), soci::use(found->id);
  return *found;
}

void AddAudit(soci::session& sql, const AuditEntry& entry) {
  sql << "INSERT INTO audit (id, time, caller, method, subject, outcome) VALUES "
         "(:id, :time, :caller, :method, :subject, :outcome)",
      soci::use(entry.id), soci::use(entry.time), soci::use(entry.caller), soci::use(entry.method),
      soci::use(entry.subject), soci::use(entry.outcome);
}

std::vector<AuditEntry> ListAudit(soci::session& sql, const std::string& before, int limit) {
  const soci::rowset<AuditEntry> rows = (sql.prepare << "SELECT * FROM audit WHERE :before = '' OR id < :before "
                                                        "ORDER BY id DESC LIMIT :limit",
                                         soci::use(before, "before"), soci::use(limit, "limit"));
  return {rows.begin(), rows.end()};
}

void TrimAudit(soci::session& sql, absl::Time before) {
  const std::string first = access::FirstAuditId(before);
  sql << "DELETE FROM audit WHERE id < :first", soci::use(first);
}

}  // namespace lk::store
