// SPDX-License-Identifier: Apache-2.0
// The meaning of libvirt's lifecycle events and states.
#pragma once

#include <optional>

#include "server/vm/hypervisor.h"

namespace lk::vm::libvirt {

struct Lifecycle {
  VmEvent::Kind kind = VmEvent::Kind::kStopped;
  const char* words = "";
  bool by_itself = false;  // only for kPaused
};

// Looks up a lifecycle event (virDomainEventType) and its detail; nullopt for events that lk ignores.
std::optional<Lifecycle> ReadLifecycle(int event, int detail);

// The same for the state (virDomainState) of a paused domain and its reason; nullopt if someone paused it. The event is
// not enough: its detail is "paused" even if QEMU stopped the guest on its own for a reason that libvirt has no detail
// for, such as a KVM error.
std::optional<Lifecycle> ReadPause(int state, int reason);

}  // namespace lk::vm::libvirt
