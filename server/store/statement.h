// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace lk::store {

// "INSERT INTO table (keys, columns) VALUES (:key, :column ...) ON CONFLICT (keys) DO UPDATE SET column =
// excluded.column". `add` names those columns whose values are added to what is there.
std::string Upsert(const std::string& table, const std::vector<std::string>& keys,
                   const std::vector<std::string>& columns, const std::vector<std::string>& add = {});

}  // namespace lk::store
