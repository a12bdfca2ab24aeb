// SPDX-License-Identifier: Apache-2.0
// What a host must offer to run a profile's VM.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"

namespace lk::campaign {

// The needs are string constants: words from Host::features, and words such as "arch:aarch64" and "accelerator:kvm",
// which are compared with other fields of Host.
std::vector<std::string_view> HostNeeds(const Profile& profile);

// The needs that a host does not meet. If the result is empty, the host can run the VM once it has room.
std::vector<std::string_view> MissingNeeds(const Host& host, const std::vector<std::string_view>& needs);

// What a host offers of the same kind as `need`: "launchSecurity:sev, launchSecurity:sev-snp", "no launchSecurity".
std::string OfferInstead(const Host& host, std::string_view need);

}  // namespace lk::campaign
