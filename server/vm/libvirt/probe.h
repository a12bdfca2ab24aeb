// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// Inspects the host. `local` means that its QEMU can read files that lkd writes. If libvirt offers KVM, boots a small
// guest with it (at most 5 s). Errors (both kHost): UNAVAILABLE, FAILED_PRECONDITION (no emulator for any architecture
// that lk supports).
StatusOr<HostFacts> ProbeHost(virConnect* connection, bool local);

}  // namespace lk::vm::libvirt
