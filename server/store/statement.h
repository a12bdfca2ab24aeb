// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace lk::store {

// Returns "INSERT INTO table (keys, columns) VALUES (:key, :column ...) ON CONFLICT (keys) DO UPDATE SET column =
// excluded.column". The values of the columns in `add` are added to the stored ones instead.
std::string Upsert(const std::string& table, const std::vector<std::string>& keys,
                   const std::vector<std::string>& columns, const std::vector<std::string>& add = {});

}  // namespace lk::store
