// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include "lk/v1/scenario.pb.h"
#include "support/quantity.h"
#include "support/unique_fd.h"

namespace lk::scheduler {
namespace {

namespace fs = std::filesystem;

Status MakeSparseFile(const fs::path& path, uint64_t bytes) {
  std::error_code ignored;
  fs::remove(path, ignored);
  // Private to lkd's user, like the initrd. If QEMU runs as a different user, libvirt makes that user the owner while
  // the VM runs.
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd && ftruncate(fd.get(), static_cast<off_t>(bytes)) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, path.string());
}

}  // namespace

fs::path ScratchDiskPath(const fs::path& run_directory, size_t number) {
  return run_directory / fmt::format("scratch-{}.img", number);
}

StatusOr<std::vector<vm::ScratchDisk>> MakeScratchDisks(const v1::ScenarioDescriptor& descriptor,
                                                        const fs::path& directory) {
  std::vector<vm::ScratchDisk> disks;
  uint64_t total = 0;
  for (const auto& disk : descriptor.scratch_disks()) {
    disks.push_back({ScratchDiskPath(directory, disks.size()), disk.size_bytes()});
    total += disk.size_bytes();
  }
  if (disks.empty()) return disks;
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (error) return absl::InternalError(fmt::format("{}: {}", directory.string(), error.message()));
  if (space.available < total) {
    return absl::ResourceExhaustedError(fmt::format("scratch disks of {} need {}, but {} has {} free",
                                                    descriptor.name(), FormatBytes(total), directory.string(),
                                                    FormatBytes(space.available)));
  }
  for (const vm::ScratchDisk& disk : disks) LK_RETURN_IF_ERROR(MakeSparseFile(disk.path, disk.bytes));
  return disks;
}

void Tidy(const fs::path& run_directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run_directory, ignored)) {
    if (std::ranges::find(kArtifacts, entry.path().filename()) == kArtifacts.end()) fs::remove(entry.path(), ignored);
  }
}

std::vector<fs::path> OtherRuns(const fs::path& runs, const std::set<std::string>& run_ids) {
  std::vector<fs::path> others;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(runs, ignored)) {
    if (!run_ids.contains(entry.path().filename())) others.push_back(entry.path());
  }
  return others;
}

}  // namespace lk::scheduler
