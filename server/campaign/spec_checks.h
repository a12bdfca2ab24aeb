// SPDX-License-Identifier: Apache-2.0
// Rules over more than one value of a campaign file. Internal to its reader.
#pragma once

#include <string>

#include "server/campaign/spec.h"
#include "server/yaml/node.h"

namespace lk::campaign {

using yaml::Mistakes;

// Combinations that no VM can have. `path` is the profile's.
void CheckProfile(const Profile& profile, const std::string& path, Mistakes& mistakes);

// Scenarios against profiles: those they name, and memory for the crash kernel they reserve.
void CheckUses(const CampaignSpec& spec, const Descriptors& descriptors, Mistakes& mistakes);

}  // namespace lk::campaign
