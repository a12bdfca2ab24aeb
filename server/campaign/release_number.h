// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace lk::campaign {

// A number that grows with the release (see ReleaseLess). It is made of version, patchlevel, sublevel, release
// candidate and one more number (Debian's, or the number of commits since a tag). Releases that differ only in other
// parts may have the same number. Between 1 and 2^53, so that a double can hold it.
uint64_t ReleaseNumber(std::string_view release);

}  // namespace lk::campaign
