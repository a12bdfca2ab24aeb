// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::agent {

// Mounts /dev, and with it the means to log.
void MountDev();
// Mounts the other file systems of the kernel; those it has not are left out.
void MountRest();
// Settings under /proc/sys by which evidence reaches the console complete; those the kernel has not are left out.
void ApplySysctls();

}  // namespace lk::agent
