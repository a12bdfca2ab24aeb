// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace lk::api {

// Returns the number of items to send, given a request's page_size: 100 if that is 0 or negative, and at most 1000.
inline int PageSize(int32_t asked) {
  return asked <= 0 ? 100 : std::min(asked, 1000);
}

}  // namespace lk::api
