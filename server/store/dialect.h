// SPDX-License-Identifier: Apache-2.0
// Everything that differs between the databases.
#pragma once

#include <soci/soci.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::store {

struct Dialect {
  std::vector<std::string_view> schemes;  // of its URLs
  const soci::backend_factory* (*factory)();
  // The connection string for SOCI.
  StatusOr<std::string> (*connect_string)(const std::string& url);
  std::vector<std::string> on_connect;
  std::string begin;
  std::vector<std::string> before_migration;        // statements that precede the migrations, in the same transaction
  std::vector<std::string> before_first_migration;  // further ones, on an empty database only
  // UNAVAILABLE if the call can be retried, DATA_LOSS if data is damaged, otherwise INTERNAL.
  absl::StatusCode (*code)(const soci::soci_error& error);
};

// Error: INVALID_ARGUMENT, which names the valid URLs.
StatusOr<const Dialect*> FindDialect(std::string_view url);

}  // namespace lk::store
