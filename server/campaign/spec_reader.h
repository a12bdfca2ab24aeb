// SPDX-License-Identifier: Apache-2.0
// Reads the parts of a campaign file's "spec". Internal to its reader.
#pragma once

#include "server/campaign/spec.h"
#include "server/yaml/node.h"

namespace lk::campaign {

using yaml::Item;
using yaml::Mistakes;

// All three record mistakes and return what could be read. Impossible combinations are recorded too.
KernelSelector ReadKernelSelector(const Item& item, Mistakes& mistakes);
Profile ReadProfile(const Item& item, Mistakes& mistakes);
// Parameters and budgets by the scenario's descriptor, defaults filled in.
ScenarioUse ReadScenario(const Item& item, const Descriptors& descriptors, Mistakes& mistakes);

}  // namespace lk::campaign
