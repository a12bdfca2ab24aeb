// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace lk::api {

// page_size of a request: 0 is 100; at most 1000.
inline int PageSize(int32_t asked) {
  return asked <= 0 ? 100 : std::min(asked, 1000);
}

}  // namespace lk::api
