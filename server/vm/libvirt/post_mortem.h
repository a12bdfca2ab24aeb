// SPDX-License-Identifier: Apache-2.0
// Inspects a VM that no longer responds. Errors and blocking are those of vm::Hypervisor.
#pragma once

#include <filesystem>
#include <vector>

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// Lets the guest continue after a panic, because the kernel notifies the panic device before it has printed everything
// (after a panic in an NMI, before it has printed anything). libvirt has no setting for this. QEMU before 6.0 stops the
// guest regardless.
void RunOnAfterPanic(virDomain* domain);

StatusOr<std::vector<Vcpu>> ReadVcpus(virDomain* domain);
Status InjectNmi(virDomain* domain);
// `here` means that the domain runs on this host. The file is then owned by the user of this process, with mode 0600.
// Otherwise it is owned by the daemon's user (root for qemu:///system) and is in makedumpfile's flattened format, which
// crash can read directly.
Status DumpMemory(virDomain* domain, const std::filesystem::path& path, bool here);

}  // namespace lk::vm::libvirt
