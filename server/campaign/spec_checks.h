// SPDX-License-Identifier: Apache-2.0
// Checks that involve more than one value in a campaign file. Internal to the reader.
#pragma once

#include <string>

#include "server/campaign/spec.h"
#include "server/yaml/node.h"

namespace lk::campaign {

using yaml::Mistakes;

// Reports combinations that no VM can have. `path` is the profile's.
void CheckProfile(const Profile& profile, const std::string& path, Mistakes& mistakes);

// Checks scenarios against profiles: the profiles that a scenario names must exist, and must have more memory than the
// scenario reserves for the crash kernel.
void CheckUses(const CampaignSpec& spec, const Descriptors& descriptors, Mistakes& mistakes);

}  // namespace lk::campaign
