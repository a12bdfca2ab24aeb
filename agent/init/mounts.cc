// SPDX-License-Identifier: Apache-2.0
#include "agent/init/mounts.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "agent/files.h"
#include "agent/init/log.h"

namespace lk::agent {
namespace {

struct Mount {
  const char* type;
  const char* target;
  const char* options;
};

constexpr Mount kDev = {"devtmpfs", "/dev", "mode=755"};
constexpr Mount kMounts[] = {
    {"proc", "/proc", nullptr},
    {"sysfs", "/sys", nullptr},
    {"tmpfs", "/run", "mode=755"},
    {"tmpfs", "/tmp", "mode=1777"},
    {"debugfs", "/sys/kernel/debug", nullptr},
    {"tracefs", "/sys/kernel/tracing", nullptr},
    {"securityfs", "/sys/kernel/security", nullptr},
    {"cgroup2", "/sys/fs/cgroup", nullptr},
};

// Documentation/admin-guide/sysctl/kernel.rst.
constexpr struct {
  const char* path;
  const char* value;
} kSysctls[] = {
    {"/proc/sys/kernel/printk", "8 4 1 7"},         // print all levels on the console
    {"/proc/sys/kernel/printk_ratelimit", "0"},     // drop no messages
    {"/proc/sys/kernel/hung_task_warnings", "-1"},  // report more than the first ten
};

void DoMount(const Mount& mount_point) {
  mkdir(mount_point.target, 0755);
  if (mount(mount_point.type, mount_point.target, mount_point.type, 0, mount_point.options) == 0) return;
  // ENODEV, ENOENT (no mount point in sysfs): not in this kernel. EBUSY: already mounted.
  if (errno != ENODEV && errno != ENOENT && errno != EBUSY) {
    LogError("cannot mount {} on {}: {}", mount_point.type, mount_point.target, strerror(errno));
  }
}

}  // namespace

void MountDev() {
  DoMount(kDev);
}

void MountRest() {
  for (const Mount& mount_point : kMounts) DoMount(mount_point);
}

void ApplySysctls() {
  for (const auto& [path, value] : kSysctls) {
    const Status status = WriteFile(path, value);
    if (!status.ok() && !absl::IsNotFound(status)) LogError("{}", std::string(status.message()));
  }
}

}  // namespace lk::agent
