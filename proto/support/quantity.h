// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk {

// "512MiB", "2GiB", "1.5GiB"; units B, KiB, MiB, GiB, TiB (IEC, see units(7)). Errors: missing unit, negative or
// fractional number of bytes, more than 2^63-1 bytes.
StatusOr<uint64_t> ParseBytes(std::string_view text);
std::string FormatBytes(uint64_t bytes);

// "500us", "20ms", "1.5s", "2min", "1h"; units ns, us, ms, s, min (also m), h. A missing unit is an error.
StatusOr<absl::Duration> ParseDuration(std::string_view text);
// Three significant digits, "1.23ms"; whole seconds from 1000 s on, "3600s".
std::string FormatDuration(absl::Duration duration);

}  // namespace lk
