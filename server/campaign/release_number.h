// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace lk::campaign {

// A number that grows with the release (see ReleaseLess): version, patchlevel, sublevel, release candidate and one
// number more (Debian's, commits since a tag). Releases that differ otherwise may have the same one. From 1 to 2^53, so
// that a double holds it.
uint64_t ReleaseNumber(std::string_view release);

}  // namespace lk::campaign
