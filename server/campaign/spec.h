// SPDX-License-Identifier: Apache-2.0
// Reads campaign files strictly.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/campaign/types.h"
#include "server/yaml/mistake.h"

namespace lk::campaign {

using SpecError = yaml::Mistake;

struct SpecResult {
  CampaignSpec spec;
  std::vector<SpecError> errors;  // sorted by position; empty if the spec is valid
  // Positions of the entries of spec.notify, without messages. Whether their targets exist is not checked here.
  std::vector<SpecError> notify_places;
  bool ok() const { return errors.empty(); }
};

// Reports all errors, not just the first: syntax, unknown or duplicate keys, wrong types and units, unknown scenarios
// and parameters, values out of bounds, unknown profiles, budgets for probes that a scenario does not have, impossible
// combinations (more slots than there is memory for, smmuv3 on x86_64, sev on aarch64, a crashkernel reservation that
// uses up the memory ...). An entry of spec.profiles can be the name of a predefined profile
// (predefined_profiles.h), or have one as its `base`: the entry's own keys override those of the base, and
// mappings are replaced as a whole. `set` holds "path=value" overrides (spec.profiles[0].vcpus=4) whose values are
// YAML; errors in them have no position.
SpecResult ParseSpec(std::string_view yaml, const std::vector<std::string>& set, const Descriptors& descriptors);

// Checks a scenario parameter; used by ParseSpec. Returns the value in the form used in leases, or INVALID_ARGUMENT
// with the bounds.
StatusOr<std::string> CheckParameter(const v1::ScenarioDescriptor_Parameter& parameter, std::string_view value);

}  // namespace lk::campaign
