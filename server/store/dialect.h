// SPDX-License-Identifier: Apache-2.0
// All that differs between the databases.
#pragma once

#include <soci/soci.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::store {

struct Dialect {
  std::vector<std::string_view> schemes;  // how URLs of it begin
  const soci::backend_factory* (*factory)();
  // What SOCI is to connect to.
  StatusOr<std::string> (*connect_string)(const std::string& url);
  std::vector<std::string> on_connect;
  std::string begin;
  std::vector<std::string> before_migration;        // inside its transaction
  std::vector<std::string> before_first_migration;  // the same, on an empty database
  // UNAVAILABLE: may be tried again; DATA_LOSS: damaged; INTERNAL: anything else.
  absl::StatusCode (*code)(const soci::soci_error& error);
};

// Error: INVALID_ARGUMENT naming the URLs there are.
StatusOr<const Dialect*> FindDialect(std::string_view url);

}  // namespace lk::store
