// SPDX-License-Identifier: Apache-2.0
// Scenario descriptors, for those that only pass them on; lk/v1/scenario.pb.h has what is in them.
#pragma once

#include <vector>

namespace lk::v1 {
class ScenarioDescriptor;
class ScenarioDescriptor_Parameter;  // ScenarioDescriptor::Parameter
}  // namespace lk::v1

namespace lk::campaign {

using Descriptors = std::vector<v1::ScenarioDescriptor>;

}  // namespace lk::campaign
