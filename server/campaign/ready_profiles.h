// SPDX-License-Identifier: Apache-2.0
// The profiles of deploy/profiles, compiled in, for campaign files to name or build on.
#pragma once

#include <span>
#include <string_view>

namespace lk::campaign {

struct ReadyProfile {
  std::string_view name;
  std::string_view yaml;  // what a campaign file's spec.profiles would hold
};
// In order of name.
std::span<const ReadyProfile> ReadyProfiles();

}  // namespace lk::campaign
