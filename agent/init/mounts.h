// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::agent {

// Mounts /dev, which logging requires.
void MountDev();
// Mounts the other kernel file systems that this kernel has.
void MountRest();
// Applies the settings under /proc/sys that make all kernel messages appear on the console. Skips
// settings that this kernel lacks.
void ApplySysctls();

}  // namespace lk::agent
