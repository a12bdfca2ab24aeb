// SPDX-License-Identifier: Apache-2.0
#include "server/store/statement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lk::store {

std::string Upsert(const std::string& table, const std::vector<std::string>& keys,
                   const std::vector<std::string>& columns, const std::vector<std::string>& add) {
  std::vector<std::string> names = keys;
  std::vector<std::string> changes;
  for (const std::string& column : columns) {
    names.push_back(column);
    changes.push_back(fmt::format("{0} = excluded.{0}", column));
  }
  for (const std::string& column : add) {
    names.push_back(column);
    changes.push_back(fmt::format("{0} = {1}.{0} + excluded.{0}", column, table));
  }
  return fmt::format("INSERT INTO {} ({}) VALUES (:{}) ON CONFLICT ({}) DO UPDATE SET {}", table,
                     fmt::join(names, ", "), fmt::join(names, ", :"), fmt::join(keys, ", "), fmt::join(changes, ", "));
}

}  // namespace lk::store
