// SPDX-License-Identifier: Apache-2.0
#include "server/store/dialect.h"

#include <absl/status/status.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "support/unique_fd.h"

// Exported by libsoci_postgresql. Declared here because SOCI's own header would require libpq's.
extern "C" const soci::backend_factory* factory_postgresql();

namespace lk::store {
namespace {

constexpr std::string_view kSqlite = "sqlite:";

StatusOr<std::string> SqliteConnectString(const std::string& url) {
  const std::string path = url.substr(kSqlite.size());
  if (path.empty() || path.find('"') != path.npos) {
    return absl::InvalidArgumentError(
        fmt::format("store: invalid URL \"{}\" (expected a path, without quotation marks)", url));
  }
  // SQLite itself would create the file world-readable. The journals inherit its mode.
  if (path != ":memory:") {
    const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return absl::ErrnoToStatus(errno, fmt::format("store: cannot open {}", path));
  }
  // Wait for up to 5 s while another process holds the lock.
  return fmt::format("dbname=\"{}\" timeout=5", path);
}

absl::StatusCode SqliteCode(const soci::soci_error& error) {
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  // The low byte is the primary result code: https://sqlite.org/rescode.html.
  switch (sqlite == nullptr ? SQLITE_ERROR : sqlite->result() & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::StatusCode PostgresqlCode(const soci::soci_error& error) {
  switch (error.get_error_category()) {
    case soci::soci_error::connection_error:
    case soci::soci_error::system_error:
    case soci::soci_error::unknown_transaction_state:
    case soci::soci_error::constraint_violation:  // two controllers chose the same event number; the second retries
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

const std::vector<Dialect>& Dialects() {
  static const std::vector<Dialect> dialects = {
      {.schemes = {kSqlite},
       .factory = soci::factory_sqlite3,
       .connect_string = SqliteConnectString,
       .on_connect = {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA foreign_keys = ON"},
       // Takes the write lock immediately, so that a transaction that starts by reading cannot fail at its first write.
       .begin = "BEGIN IMMEDIATE",
       .before_migration = {},
       // "bytetext" needs no definition: a type whose name contains TEXT is text, which is compared byte by byte
       // (https://sqlite.org/datatype3.html).
       .before_first_migration = {},
       .code = SqliteCode},
      {.schemes = {"postgresql://", "postgres://"},
       .factory = factory_postgresql,
       .connect_string = [](const std::string& url) -> StatusOr<std::string> { return url; },
       .on_connect = {"SET client_min_messages = warning"},
       .begin = "BEGIN",
       // Two controllers may start simultaneously. The number identifies lk's migration lock.
       .before_migration = {"SELECT pg_advisory_xact_lock(7641)"},
       .before_first_migration = {"CREATE DOMAIN bytetext AS TEXT COLLATE \"C\""},
       .code = PostgresqlCode},
  };
  return dialects;
}

}  // namespace

StatusOr<const Dialect*> FindDialect(std::string_view url) {
  for (const Dialect& dialect : Dialects()) {
    const auto begins = [url](std::string_view scheme) { return url.starts_with(scheme); };
    if (std::ranges::any_of(dialect.schemes, begins)) return &dialect;
  }
  return absl::InvalidArgumentError("store: invalid URL (expected sqlite:PATH or postgresql://...)");
}

}  // namespace lk::store
