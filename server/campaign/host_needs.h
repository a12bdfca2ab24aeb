// SPDX-License-Identifier: Apache-2.0
// What a host must offer for a profile's VM.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"

namespace lk::campaign {

// Constant words, those of Host::features, and "arch:aarch64", "accelerator:kvm" for what a host has beside them.
std::vector<std::string_view> HostNeeds(const Profile& profile);

// Those that a host does not offer; empty: it can take such a VM when it has the room.
std::vector<std::string_view> MissingNeeds(const Host& host, const std::vector<std::string_view>& needs);

// What a host offers of the kind of a need: "launchSecurity:sev, launchSecurity:sev-snp", "no launchSecurity".
std::string OfferInstead(const Host& host, std::string_view need);

}  // namespace lk::campaign
