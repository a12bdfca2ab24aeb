// SPDX-License-Identifier: Apache-2.0
// Looking into a VM that no longer answers. Errors and blocking are those of vm::Hypervisor.
#pragma once

#include <filesystem>
#include <vector>

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// The panic device is told of before the kernel has printed all (what panics in an NMI prints nothing before): the
// guest is to run on, which libvirt has no element for. A QEMU before 6.0 stops it.
void RunOnAfterPanic(virDomain* domain);

StatusOr<std::vector<Vcpu>> ReadVcpus(virDomain* domain);
Status InjectNmi(virDomain* domain);
// `here`: the domain's host is this one. The file then is this process's own, mode 0600. Elsewhere it is that of the
// daemon (root's for qemu:///system) and in makedumpfile's flattened format, which crash reads as it is.
Status DumpMemory(virDomain* domain, const std::filesystem::path& path, bool here);

}  // namespace lk::vm::libvirt
