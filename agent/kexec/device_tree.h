// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Returns a copy of a flattened device tree (Devicetree Specification 0.4, chapter 5; version 17) with changes in
// /chosen: the properties in `set` are set and those in `removed` are removed. Does not use libfdt, because the agent
// is built for two architectures and Debian's libfdt-dev can only be installed for one at a time. Error:
// INVALID_ARGUMENT (not a device tree of version 17, truncated, or without /chosen).
StatusOr<std::string> WithChosen(std::string_view tree, const std::map<std::string, std::string>& set,
                                 const std::set<std::string>& removed);

// Return numbers in the byte order of device trees.
std::string BigEndian32(uint32_t value);
std::string BigEndian64(uint64_t value);

}  // namespace lk::agent
