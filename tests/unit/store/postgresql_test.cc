// SPDX-License-Identifier: Apache-2.0
// Uses the server in LK_TEST_POSTGRESQL_URL, a URL with the path /postgres; see with-postgresql.
#include <soci/soci.h>

#include <atomic>
#include <cstdlib>

#include "server/store/dialect.h"
#include "tests/unit/store/conformance.h"

namespace lk::store {
namespace {

// Creates a new database on the same server.
StatusOr<std::string> Fresh() {
  static std::atomic<int> made = 0;
  const char* server = std::getenv("LK_TEST_POSTGRESQL_URL");
  if (server == nullptr) return absl::NotFoundError("LK_TEST_POSTGRESQL_URL is not set");
  std::string url = server;
  const std::string name = "lk_test_" + std::to_string(++made);
  soci::session sql(*(*FindDialect(url))->factory(), url);
  sql << "CREATE DATABASE " << name;
  constexpr std::string_view kPath = "/postgres?";
  return url.replace(url.find(kPath), kPath.size(), "/" + name + "?");
}

const Backend kPostgresql = {"postgresql", Fresh};
const auto kName = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(Conformance, StoreTest, testing::Values(kPostgresql), kName);
INSTANTIATE_TEST_SUITE_P(Conformance, StatisticsTest, testing::Values(kPostgresql), kName);

class PostgresqlTest : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Own, PostgresqlTest, testing::Values(kPostgresql), kName);

TEST_P(PostgresqlTest, ReconnectsAfterTheConnectionIsCut) {
  ASSERT_TRUE(store_->PutKernel(SomeKernel("k1", "6.1")).ok());
  Execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  const Status status = store_->GetKernel("k1").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(store_->GetKernel("k1").ok());
}

}  // namespace
}  // namespace lk::store
