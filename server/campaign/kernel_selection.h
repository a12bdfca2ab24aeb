// SPDX-License-Identifier: Apache-2.0
// Which kernels a campaign runs on.
#pragma once

#include <string_view>
#include <vector>

#include "server/campaign/spec.h"

namespace lk::campaign {

// The kernels that a spec selects: in the order of its selectors, newest release first within each, without duplicates.
// A selector that matches no kernel, or an exact selector that matches several builds, is an error.
struct KernelResolution {
  std::vector<KernelBuild> kernels;
  std::vector<SpecError> errors;
};
KernelResolution ResolveKernels(const CampaignSpec& spec, const std::vector<KernelBuild>& known);

// Whether a is an older kernel release than b. Numbers are compared as numbers: 6.1.0-9 < 6.1.0-40 < 6.12.1.
bool ReleaseLess(std::string_view a, std::string_view b);

}  // namespace lk::campaign
