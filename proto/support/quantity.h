// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk {

// "512MiB", "2GiB", "1.5GiB"; units B, KiB, MiB, GiB, TiB (IEC, as in `man 7 units`). A number without a unit, a
// negative or fractional number of bytes, or more than 2^63-1 is an error.
StatusOr<uint64_t> ParseBytes(std::string_view text);
std::string FormatBytes(uint64_t bytes);

// "500us", "20ms", "1.5s", "2min", "1h"; units ns, us, ms, s, min (also m), h. A number without a unit is an error.
StatusOr<absl::Duration> ParseDuration(std::string_view text);
// Three significant digits: "1.23ms".
std::string FormatDuration(absl::Duration duration);

}  // namespace lk
