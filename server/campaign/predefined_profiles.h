// SPDX-License-Identifier: Apache-2.0
// The profiles in deploy/profiles, compiled in. Campaign files can use them by name or as a base.
#pragma once

#include <span>
#include <string_view>

namespace lk::campaign {

struct PredefinedProfile {
  std::string_view name;
  std::string_view yaml;  // an entry of spec.profiles in a campaign file
};
// Sorted by name.
std::span<const PredefinedProfile> PredefinedProfiles();

}  // namespace lk::campaign
