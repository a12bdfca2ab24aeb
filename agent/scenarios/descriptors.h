// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace lk::v1 {
class ScenarioDescriptor;
}  // namespace lk::v1

namespace lk {

// All scenarios in this build, sorted by name.
const std::vector<v1::ScenarioDescriptor>& Descriptors();

}  // namespace lk
