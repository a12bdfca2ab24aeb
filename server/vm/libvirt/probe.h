// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// Looks at the host. `local`: files that lkd writes are there for its QEMU. Boots one small guest with KVM where
// libvirt offers it (5 s at most). Errors: UNAVAILABLE (kHost), FAILED_PRECONDITION (kHost; no emulator for any
// architecture lk knows).
StatusOr<HostFacts> ProbeHost(virConnect* connection, bool local);

}  // namespace lk::vm::libvirt
