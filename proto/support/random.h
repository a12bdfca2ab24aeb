// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lk {

// Random bytes from getrandom(2) in hexadecimal, for secrets and identifiers.
std::string RandomHex(size_t bytes);

// Lower-case hexadecimal.
std::string ToHex(std::string_view bytes);

}  // namespace lk
