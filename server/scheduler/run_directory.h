// SPDX-License-Identifier: Apache-2.0
// What lies in a run's directory: what is kept of it, and what only its VM needs.
#pragma once

#include <array>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "server/campaign/descriptor_fwd.h"
#include "server/console/recorder.h"
#include "server/scheduler/post_mortem.h"
#include "server/vm/hypervisor.h"

namespace lk::scheduler {

// What is kept of a run once it is over, by name in its directory.
inline constexpr std::array<const char*, 2> kArtifacts = {console::kFileName, kVmcore};

// The descriptor's scratch disks, as sparse files in an existing directory; what an earlier attempt at the run left
// there is replaced. Errors: RESOURCE_EXHAUSTED (the file system could not hold them, were they full), what file
// operations say.
StatusOr<std::vector<vm::ScratchDisk>> MakeScratchDisks(const v1::ScenarioDescriptor& descriptor,
                                                        const std::filesystem::path& directory);

// Removes what is no artifact: initrd, scratch disks, firmware variables, the host's copy of the console, half a dump.
void Tidy(const std::filesystem::path& run_directory);

// The directories of runs under `runs` but for these.
std::vector<std::filesystem::path> OtherRuns(const std::filesystem::path& runs, const std::set<std::string>& run_ids);

}  // namespace lk::scheduler
