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
  std::vector<SpecError> errors;  // in order of place; empty: spec is good
  // Places of spec.notify's entries, without messages: what they name is not known here.
  std::vector<SpecError> notify_places;
  bool ok() const { return errors.empty(); }
};

// Every mistake at once: syntax, unknown or repeated keys, wrong types and units, unknown scenarios and parameters,
// values out of bounds, unknown profiles, budgets on probes a scenario has not, impossible combinations (virtio-mem on
// a machine that has none, more slots than memory, smmuv3 on x86_64, sev on aarch64, crashkernel in a VM too small
// ...). An entry of spec.profiles may be the name of a ready profile (ready_profiles.h), or have one as its `base`,
// whose keys its own replace, mappings as a whole. `set` holds "path=value" overrides (spec.profiles[0].vcpus=4), the
// value YAML; a bad one is an error without place.
SpecResult ParseSpec(std::string_view yaml, const std::vector<std::string>& set, const Descriptors& descriptors);

// Kernels a spec's selectors name, in order of the spec then newest release first, without repeats. A selector that
// names none, or an exact one that names several builds, is an error at its place.
struct KernelResolution {
  std::vector<KernelBuild> kernels;
  std::vector<SpecError> errors;
};
KernelResolution ResolveKernels(const CampaignSpec& spec, const std::vector<KernelBuild>& known);

// Kernel releases compare by their numbers: 6.1.0-9 < 6.1.0-40 < 6.12.1.
bool ReleaseLess(std::string_view a, std::string_view b);

// Checks parameters of one scenario; used by ParseSpec. Returns the lease form, or INVALID_ARGUMENT with the bounds.
StatusOr<std::string> CheckParameter(const v1::ScenarioDescriptor_Parameter& parameter, std::string_view value);

}  // namespace lk::campaign
