// SPDX-License-Identifier: Apache-2.0
// Error messages of failed webhooks, as stored.
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace lk::webhooks {

// Delay before a retry after a store error.
inline constexpr absl::Duration kStoreRetry = absl::Seconds(1);

// Truncates an error message, which may contain any bytes, to `most` bytes and makes it printable.
inline std::string StoredError(std::string_view text, size_t most) {
  std::string printable(text.substr(0, most));
  std::ranges::replace_if(
      printable, [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

}  // namespace lk::webhooks
