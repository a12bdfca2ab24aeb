// SPDX-License-Identifier: Apache-2.0
#include "server/store/migrations.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <sstream>
#include <utility>

#include "server/store/transaction.h"

namespace lk::store {
namespace {

// Database drivers prepare one statement at a time and look for parameters even in comments. In migrations, every
// statement must therefore end with ; at the end of a line, and every comment must be on a separate line.
void Execute(soci::session& sql, const std::string& script) {
  std::istringstream lines(script);
  std::string statement;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("--")) continue;
    statement += line + '\n';
    if (line.ends_with(';')) sql << std::exchange(statement, {});
  }
}

}  // namespace

Status Migrate(soci::session& sql, const Dialect& dialect, const std::vector<Migration>& migrations) {
  Transaction transaction(sql, dialect);
  for (const std::string& statement : dialect.before_migration) sql << statement;
  sql << "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL)";
  long long current = 0;
  sql << "SELECT COALESCE(MAX(version), 0) FROM schema_migrations", soci::into(current);
  const long long known = migrations.empty() ? 0 : migrations.back().version;
  if (current > known) {
    return absl::DataLossError(fmt::format(
        "the store has schema version {}, but this lkd supports only versions up to {}: the store was written by a "
        "newer lkd; use that lkd, or a different store",
        current, known));
  }
  if (current == 0) {
    for (const std::string& statement : dialect.before_first_migration) sql << statement;
  }
  for (const Migration& migration : migrations) {
    if (migration.version <= current) continue;
    Execute(sql, migration.sql);
    const long long version = migration.version;
    const std::string name = migration.name;
    sql << "INSERT INTO schema_migrations (version, name) VALUES (:version, :name)", soci::use(version),
        soci::use(name);
    spdlog::info("store: applied migration {}", name);
  }
  transaction.Commit();
  return absl::OkStatus();
}

}  // namespace lk::store
