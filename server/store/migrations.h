// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <soci/soci.h>

#include <string>
#include <vector>

#include "server/store/dialect.h"
#include "support/status.h"

namespace lk::store {

struct Migration {
  int version = 0;  // 1, 2 ...; the number at the beginning of the file name
  const char* name = "";
  const char* sql = "";
};

// The files of server/store/migrations, embedded at build time, in order.
const std::vector<Migration>& Migrations();

// Brings the schema up to date in one transaction. Error: DATA_LOSS if the schema is newer than the last of
// `migrations`, which means that a newer lkd has written it. Throws SOCI's exceptions.
Status Migrate(soci::session& sql, const Dialect& dialect, const std::vector<Migration>& migrations);

}  // namespace lk::store
