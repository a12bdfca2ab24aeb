// SPDX-License-Identifier: Apache-2.0
// The files in a run's directory: those that are kept, and those that only its VM needs.
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

// Names of the files in a run's directory that are kept when the run is over.
inline constexpr std::array<const char*, 2> kArtifacts = {console::kFileName, kVmcore};

// The file of a scratch disk.
std::filesystem::path ScratchDiskPath(const std::filesystem::path& run_directory, size_t number);

// Creates the descriptor's scratch disks as sparse files in an existing directory; existing files with the same names
// are replaced. Errors: RESOURCE_EXHAUSTED (the file system has less free space than the total size of the disks);
// those of file operations.
StatusOr<std::vector<vm::ScratchDisk>> MakeScratchDisks(const v1::ScenarioDescriptor& descriptor,
                                                        const std::filesystem::path& directory);

// Removes all files that are not artifacts: initrd, scratch disks, firmware variables, the host's copy of the console,
// partial dumps.
void Tidy(const std::filesystem::path& run_directory);

// The directories under `runs` except those of `run_ids`.
std::vector<std::filesystem::path> OtherRuns(const std::filesystem::path& runs, const std::set<std::string>& run_ids);

}  // namespace lk::scheduler
