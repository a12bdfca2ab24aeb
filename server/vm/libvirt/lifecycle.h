// SPDX-License-Identifier: Apache-2.0
// What libvirt's numbers say about a VM's life. Pure tables.
#pragma once

#include <optional>

#include "server/vm/hypervisor.h"

namespace lk::vm::libvirt {

struct Lifecycle {
  VmEvent::Kind kind = VmEvent::Kind::kStopped;
  const char* words = "";
  bool by_itself = false;  // kPaused
};

// A lifecycle event (virDomainEventType) and its detail; nothing for those that say nothing to lk.
std::optional<Lifecycle> ReadLifecycle(int event, int detail);

// The same from a domain's state (virDomainState) and its reason, for one that stands still. The event's detail says
// "paused" also where QEMU stopped by itself for a reason that libvirt has no detail for, such as an error of KVM.
std::optional<Lifecycle> ReadPause(int state, int reason);

}  // namespace lk::vm::libvirt
