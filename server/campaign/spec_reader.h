// SPDX-License-Identifier: Apache-2.0
// Reads the parts of "spec" in a campaign file. Internal to the reader.
#pragma once

#include "server/campaign/spec.h"
#include "server/yaml/node.h"

namespace lk::campaign {

using yaml::Item;
using yaml::Mistakes;

// All three record mistakes, including impossible combinations, and return what could be read.
KernelSelector ReadKernelSelector(const Item& item, Mistakes& mistakes);
Profile ReadProfile(const Item& item, Mistakes& mistakes);
// Checks parameters and budgets against the scenario's descriptor and fills in its defaults.
ScenarioUse ReadScenario(const Item& item, const Descriptors& descriptors, Mistakes& mistakes);

}  // namespace lk::campaign
