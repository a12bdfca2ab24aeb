// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <vector>

#include "server/vm/libvirt/handle.h"
#include "support/status.h"

namespace lk::vm::libvirt {

// See Hypervisor::VcpuDelays.
StatusOr<std::vector<absl::Duration>> ReadDelays(virDomain* domain);

}  // namespace lk::vm::libvirt
