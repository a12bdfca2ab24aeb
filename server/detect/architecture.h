// SPDX-License-Identifier: Apache-2.0
// The architecture of a kernel, as `uname -m` calls it, from what its reports show.
#pragma once

#include <string_view>

namespace lk::detect {

// From a line of registers; empty if they do not tell. Some architectures print the same for 32 and 64 bits.
std::string_view ArchitectureOfRegisters(std::string_view line);
// From the function through which the kernel was entered; empty if it does not tell.
std::string_view ArchitectureOfEntry(std::string_view function);

}  // namespace lk::detect
