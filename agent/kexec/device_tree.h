// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// A flattened device tree (Devicetree Specification 0.4, chapter 5; version 17) with other properties in /chosen: those
// of `set` as they are, those of `removed` gone, the rest of the tree as it was. libfdt would do it; but Debian's
// libfdt-dev is there for one architecture at a time only, so that nothing that is built for two can use it. Error:
// INVALID_ARGUMENT (not such a tree, cut off, without /chosen).
StatusOr<std::string> WithChosen(std::string_view tree, const std::map<std::string, std::string>& set,
                                 const std::set<std::string>& removed);

// Numbers in a tree's byte order.
std::string BigEndian32(uint32_t value);
std::string BigEndian64(uint64_t value);

}  // namespace lk::agent
