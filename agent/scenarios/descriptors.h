// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lk/v1/scenario.pb.h"

namespace lk {

// All scenarios this build knows, in the order of the list in agent/scenarios/CMakeLists.txt (by name).
const std::vector<v1::ScenarioDescriptor>& Descriptors();

}  // namespace lk
