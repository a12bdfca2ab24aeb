// SPDX-License-Identifier: Apache-2.0
// Forward declarations of scenario descriptors, for code that only passes them on; see lk/v1/scenario.pb.h.
#pragma once

#include <vector>

namespace lk::v1 {
class ScenarioDescriptor;
class ScenarioDescriptor_Parameter;  // ScenarioDescriptor::Parameter
}  // namespace lk::v1

namespace lk::campaign {

using Descriptors = std::vector<v1::ScenarioDescriptor>;

}  // namespace lk::campaign
