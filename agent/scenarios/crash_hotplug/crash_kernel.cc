// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/crash_hotplug/crash_kernel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kexec.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "agent/files.h"
#include "support/unique_fd.h"

namespace lk::agent::crash_hotplug {
Status LoadCrashKernel() {
  const UniqueFd kernel(open("/lk/kernel", O_RDONLY | O_CLOEXEC));
  if (!kernel) return absl::ErrnoToStatus(errno, "/lk/kernel");
  // If the guest crashes, only the first kernel's report matters. The crash kernel must reboot immediately and print
  // nothing: with loglevel=0, even its panic is silent (console_verbose() in include/linux/printk.h).
  constexpr std::string_view kCommandLine("loglevel=0 nr_cpus=1 panic=-1");
  constexpr unsigned long kFlags = KEXEC_FILE_ON_CRASH | KEXEC_FILE_NO_INITRAMFS;
  // The length includes the terminating zero.
  if (syscall(SYS_kexec_file_load, kernel.get(), -1, kCommandLine.size() + 1, kCommandLine.data(), kFlags) != 0) {
    return absl::ErrnoToStatus(errno, "kexec_file_load of the crash kernel");
  }
  return absl::OkStatus();
}

StatusOr<std::string> CrashSize() {
  return ReadAttribute(kCrashSize);
}

Status CheckAttributes(const std::string& size) {
  const std::pair<const char*, std::string> attributes[] = {
      {"/sys/kernel/kexec_crash_loaded", "1"},
      {kCrashSize, size},
      {kMemoryCrashHotplug, "1"},
      {kCpuCrashHotplug, "1"},
  };
  for (const auto& [path, expected] : attributes) {
    if (path == kMemoryCrashHotplug || path == kCpuCrashHotplug) {
      if (access(path, F_OK) != 0) continue;
    }
    LK_ASSIGN_OR_RETURN(const std::string found, ReadAttribute(path));
    if (found != expected) {
      return absl::InternalError(fmt::format("{}: expected {}, found {}", path, expected, found));
    }
  }
  return absl::OkStatus();
}

}  // namespace lk::agent::crash_hotplug
