// SPDX-License-Identifier: Apache-2.0
// What is remembered of a webhook that failed.
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace lk::webhooks {

// Until the store is asked again after it failed.
inline constexpr absl::Duration kStoreRetry = absl::Seconds(1);

// At most `most` bytes of an error, of any bytes, for a column of text and a terminal.
inline std::string StoredError(std::string_view text, size_t most) {
  std::string printable(text.substr(0, most));
  std::ranges::replace_if(
      printable, [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

}  // namespace lk::webhooks
